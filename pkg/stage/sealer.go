package stage

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	// pendingSeals bounds the seals of a partition that wait; what does not fit is left to the
	// workers.
	pendingSeals = 1024
	// sealFor is how long after its time a seal is tried: a worker takes over what it has seen
	// closing for ten seconds.
	sealFor = 6 * time.Second
	// The time between two tries is doubled, from the first one to the last.
	firstPause, lastPause = 100 * time.Millisecond, 1600 * time.Millisecond
)

// sealer publishes seals when they are due, each by itself: one that the log is slow to take holds
// up no other. Their order does not matter, and a seal that was published twice does no harm.
type sealer struct {
	log     queue.Publisher
	logger  *slog.Logger
	pending sync.WaitGroup
	closing chan struct{} // closed by stop
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex            // orders add before stop, or after it
	slots   map[int]chan struct{} // by partition, a token per seal that waits
	started bool
	stopped bool
}

func newSealer(log queue.Publisher, logger *slog.Logger) *sealer {
	s := &sealer{
		log: log, logger: logger, slots: make(map[int]chan struct{}), closing: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// add has a poll sealed when every vote for it that may be acknowledged is in the log: its
// transition was committed before the call.
func (s *sealer) add(partition int, seal poll.Seal) {
	due := time.Now().Add(poll.SealDelay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		s.logger.Warn("stopping; a worker will seal this one", "poll_id", seal.PollID)
		return
	}
	slots := s.slots[partition]
	if slots == nil {
		slots = make(chan struct{}, pendingSeals)
		s.slots[partition] = slots
	}
	select {
	case slots <- struct{}{}:
	default:
		s.logger.Warn("too many transitions at once; a worker will seal this one",
			"poll_id", seal.PollID)
		return
	}
	s.pending.Go(func() {
		defer func() { <-slots }()
		if err := s.seal(partition, seal, due); err != nil {
			s.logger.Warn("seal not published; a worker will do it", "poll_id",
				seal.PollID, "error", err)
		}
	})
}

func (s *sealer) seal(partition int, seal poll.Seal, due time.Time) error {
	select {
	case <-time.After(time.Until(due)):
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := poll.PublishSeal(s.ctx, s.log, partition, seal)
		// it is done, or trying again does not help
		if !errors.Is(err, queue.ErrRefused) && !errors.Is(err, queue.ErrUnknown) {
			return err
		}
		wait := pause/2 + rand.N(pause)
		if time.Since(due)+wait > sealFor {
			return err
		}
		select {
		case <-time.After(wait):
		case <-s.closing:
			return err
		}
	}
}

func (s *sealer) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return life.ErrStopped
	case s.started:
		return life.ErrStarted
	}
	s.started = true
	return nil
}

func (s *sealer) stop(ctx context.Context) {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.closing)
	}
	s.mu.Unlock()
	defer context.AfterFunc(ctx, s.cancel)()
	s.pending.Wait()
	s.cancel()
}

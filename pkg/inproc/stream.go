package inproc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/queue"
)

// maxBody leaves room for the envelope, of which dead letters have one.
const maxBody = queue.MaxBytes - overhead

// stream is a queue.Stream.
type stream struct {
	name   string
	config Config
	dead   *graveyard

	opening    sync.Mutex         // guards the following two
	partitions map[int]*partition // those of the start, and those that somebody named
	ending     bool

	mu      sync.Mutex // guards closed, and replies against being closed during a send
	closed  bool
	replies chan queue.Reply
}

func newStream(name string, c Config) *stream {
	s := &stream{
		name: name, config: c, dead: &graveyard{}, partitions: map[int]*partition{},
		replies: make(chan queue.Reply, repliesBuffer),
	}
	for n := range c.Partitions {
		s.partitions[n] = newPartition(c.MaxEntries, c.MaxBytes)
	}
	return s
}

// Publish is the promise of queue.Publisher. It never waits: what does not fit is refused at once.
func (s *stream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	p, err := s.partition(partition)
	if err != nil {
		return err
	}
	if n := len(e.Body); n > maxBody {
		return fmt.Errorf("an entry of %d bytes is larger than %d", n, maxBody)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrRefused, err)
	}
	// Once it is confirmed the publisher may use the bytes again, while a consumer still looks
	// at them.
	e.Body = slices.Clone(e.Body)
	return p.append(entry{Entry: e, confirmed: confirmed})
}

// Replies is the promise of queue.Publisher.
func (s *stream) Replies() <-chan queue.Reply { return s.replies }

// reply hands over a reply, or loses it when nobody reads.
func (s *stream) reply(r queue.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.replies <- r:
		return nil
	default:
		return errors.New("the reader of the replies is too slow")
	}
}

// Subscribe is the promise of queue.Consumer.
func (s *stream) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	p, err := s.partition(partition)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, s.name)
	}
	return p.subscribe(s, partition)
}

// partition gives a partition, which is made when somebody names it first.
func (s *stream) partition(n int) (*partition, error) {
	if n < 0 || n >= queue.MaxPartitions {
		return nil, fmt.Errorf("there is no partition %d among %d", n, queue.MaxPartitions)
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	p := s.partitions[n]
	if p == nil {
		p = newPartition(s.config.MaxEntries, s.config.MaxBytes)
		p.closed = s.ending
		s.partitions[n] = p
	}
	return p, nil
}

// open tells whether the log is open, and ctx has not ended.
func (s *stream) open(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return unavailable(errClosed, s.name)
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err, s.name)
	}
	return nil
}

func (s *stream) close() {
	s.opening.Lock()
	s.ending = true
	all := slices.Collect(maps.Values(s.partitions))
	s.opening.Unlock()
	for _, p := range all {
		p.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.replies)
}

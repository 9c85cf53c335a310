package stage

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Stage is the presenter's side: it changes what is displayed and has the poll that left sealed.
type Stage struct {
	store  transitor
	bus    bus.Bus
	cache  *Cache
	sealer *sealer
	log    *slog.Logger
}

// transitor is the part of poll.Store that the stage needs.
type transitor interface {
	Transit(ctx context.Context, id uuid.UUID, m poll.Move, ifMatch *int64) (poll.Turn, error)
}

// New makes a stage. Seals go to the log of partitions partitions. Close it before the log.
func New(store transitor, b bus.Bus, log queue.Publisher, partitions int, cache *Cache, logger *slog.Logger) *Stage {
	return &Stage{store: store, bus: b, cache: cache, sealer: newSealer(log, partitions, logger), log: logger}
}

// Move does a transition and gives what is displayed after it. ifMatch, if not nil, is the version that the presenter
// saw. After a nil error every replica that the announcement reaches refuses votes for the poll that left at once, the
// others within a lease. Errors: as poll.Store.Transit; after Unavailable the transition may have happened.
func (s *Stage) Move(ctx context.Context, id uuid.UUID, m poll.Move, ifMatch *int64) (poll.Display, error) {
	turn, err := s.store.Transit(ctx, id, m, ifMatch)
	s.cache.Drop(id) // also after an error: it may have happened
	if err != nil || !turn.Changed {
		return turn.Display, err
	}
	changes := []poll.Change{{PresentationID: id, Version: turn.Version}}
	if turn.Ended != nil {
		changes = append(changes, poll.Change{PresentationID: id, PollID: turn.Ended.PollID, Version: turn.Ended.Version})
		s.sealer.add(id, *turn.Ended)
	}
	if err := s.bus.Announce(ctx, changes...); err != nil {
		s.log.Warn("transition not announced; other replicas learn of it when their lease ends",
			"presentation_id", id, "version", turn.Version, "error", err)
	}
	return turn.Display, nil
}

// Close gives up the seals that are not due yet and waits for the one that is being published. The workers seal what
// is left over.
func (s *Stage) Close() { s.sealer.close() }

// sealer publishes seals when they are due. Every delay is the same, so one goroutine in order of arrival is enough.
type sealer struct {
	log        queue.Publisher
	partitions int
	logger     *slog.Logger
	due        chan dueSeal
	ctx        context.Context
	cancel     context.CancelFunc
	done       chan struct{}
}

type dueSeal struct {
	presentationID uuid.UUID
	seal           poll.Seal
	at             time.Time
}

// pendingSeals bounds the seals that wait for their time; what does not fit is left to the workers.
const pendingSeals = 4096

func newSealer(log queue.Publisher, partitions int, logger *slog.Logger) *sealer {
	s := &sealer{log: log, partitions: partitions, logger: logger, due: make(chan dueSeal, pendingSeals), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s
}

func (s *sealer) add(presentationID uuid.UUID, seal poll.Seal) {
	select {
	case s.due <- dueSeal{presentationID, seal, time.Now().Add(poll.SealDelay)}:
	default:
		s.logger.Warn("too many transitions at once; a worker will seal this one", "poll_id", seal.PollID)
	}
}

func (s *sealer) run() {
	defer close(s.done)
	for {
		select {
		case d := <-s.due:
			select {
			case <-time.After(time.Until(d.at)):
			case <-s.ctx.Done():
				return
			}
			if err := queue.PublishSeal(s.ctx, s.log, s.partitions, d.presentationID, d.seal); err != nil {
				s.logger.Warn("seal not published; a worker will do it", "poll_id", d.seal.PollID, "error", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *sealer) close() {
	s.cancel()
	<-s.done
}

package poll

import (
	"context"
	"log/slog"
	"time"

	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	sweepEvery = 2 * time.Second
	// orphaned is how long a poll must have been seen closing before a worker seals it in place
	// of the replica that should have. It is measured on this worker's monotonic clock and far
	// longer than SealDelay, so no acknowledged vote is behind the seal.
	orphaned = 10 * time.Second
)

// ClosingStore is the part of Store that a Sweep needs.
type ClosingStore interface {
	Closing(ctx context.Context) ([]ClosingPoll, error)
}

// Sweep seals polls whose replica died before it did, through the log like any seal. Any number
// may run.
type Sweep struct {
	store  ClosingStore
	log    queue.Publisher
	mine   func(partition int) bool
	logger *slog.Logger
}

// NewSweep makes a Sweep. It seals the polls of partitions that are mine: another process has
// the others.
func NewSweep(
	store ClosingStore, log queue.Publisher, mine func(partition int) bool, logger *slog.Logger,
) *Sweep {
	return &Sweep{store: store, log: log, mine: mine, logger: logger}
}

// Run sweeps again and again until ctx ends.
func (s *Sweep) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	seen := make(map[Seal]time.Time)
	for {
		select {
		case <-ticker.C:
			s.once(ctx, seen)
		case <-ctx.Done():
			return
		}
	}
}

// once looks at what is closing and seals what has been for long enough. seen is since when, by
// poll and version.
func (s *Sweep) once(ctx context.Context, seen map[Seal]time.Time) {
	closing, err := s.store.Closing(ctx)
	// After the answer: the read may have taken long, or this process may have been stopped in it.
	now := time.Now()
	if err != nil {
		return // the store is away: what was seen stays seen, nothing is sealed without a new look
	}
	still := make(map[Seal]bool, len(closing))
	for _, p := range closing {
		still[p.Seal] = true
		since, ok := seen[p.Seal]
		if !ok {
			seen[p.Seal] = now
			continue
		}
		if now.Sub(since) < orphaned || !s.mine(p.Partition) {
			continue
		}
		seen[p.Seal] = now // if the log is slow, the next try is as far away
		if err := PublishSeal(ctx, s.log, p.Partition, p.Seal); err != nil {
			s.logger.Warn("seal not published; trying again",
				"poll_id", p.Seal.PollID, "error", err)
		}
	}
	for seal := range seen {
		if !still[seal] {
			delete(seen, seal)
		}
	}
}

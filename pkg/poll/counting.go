package poll

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// CountingStore is the part of Store that Counting needs.
type CountingStore interface {
	counter
	ClosingStore
	RefoldStore
	ExpiryStore
}

// Counting is all that a process does which counts votes: a worker, and the chores of the
// feature. Any number of processes may do it.
type Counting struct {
	*work.Worker
	chores []chore
}

// chore is a part that runs until ctx ends.
type chore interface{ Run(ctx context.Context) }

// NewCounting makes a Counting. keep is how long a presentation is kept that nobody uses; 0: for
// ever.
func NewCounting(
	store CountingStore, ids work.IDs, votes queue.Stream, partitions int, b bus.Bus,
	keep time.Duration, logger *slog.Logger,
) *Counting {
	w := work.New(work.Config{
		Stream: votes, Partitions: partitions, Applier: NewApplier(store, logger), IDs: ids,
		Bus: b, Logger: logger,
	})
	return &Counting{w, []chore{
		w,
		NewSweep(store, votes, partitions, w.Follows, logger),
		NewRefold(store, b, logger),
		NewExpiry(store, b, keep, logger),
	}}
}

// Run counts until ctx ends, and returns when everything has ended.
func (c *Counting) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, chore := range c.chores {
		running.Go(func() { chore.Run(ctx) })
	}
	running.Wait()
}

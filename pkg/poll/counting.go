package poll

import (
	"context"
	"log/slog"
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

// CountingEngine is what Counting needs of what keeps its store.
type CountingEngine interface {
	work.IDs
	work.Table
}

// Counting is all that a process does which counts votes: a worker, and the chores of the
// feature. Any number of processes may do it.
type Counting struct {
	*work.Worker
	chores []func(context.Context)
}

// NewCounting makes a Counting of the log's partitions: so many at the start, and what is added to
// the engine's table. keep is how long a presentation is kept that nobody uses; 0: for ever.
func NewCounting(
	store CountingStore, engine CountingEngine, votes queue.Stream, partitions int, b bus.Bus,
	keep time.Duration, logger *slog.Logger,
) *Counting {
	w := work.New(work.Config{
		Stream: votes, Partitions: partitions, Table: engine, Applier: NewApplier(store, logger),
		IDs: engine, Bus: b, Logger: logger,
	})
	return &Counting{w, []func(context.Context){
		NewSweep(store, votes, w.Follows, logger).Run,
		NewRefold(store, w.Announce, logger).Run,
		NewExpiry(store, w.Announce, keep, logger).Run,
	}}
}

// Run counts until ctx ends, and returns when everything has ended.
func (c *Counting) Run(ctx context.Context) { c.Worker.Run(ctx, c.chores...) }

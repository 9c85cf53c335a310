package poll

import (
	"context"
	"log/slog"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/life"
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
// feature. Any number of processes may do it. It is a life.Service: Stop finishes the transactions
// under way and hands the partitions over. An error says that a transaction is under way still.
type Counting struct {
	life.Service
	worker *work.Worker
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
	sweep := NewSweep(store, votes, w.Follows, logger)
	refold := NewRefold(store, w.Announce, logger)
	expiry := NewExpiry(store, w.Announce, keep, logger)
	run := func(ctx context.Context) { w.Run(ctx, sweep.Run, refold.Run, expiry.Run) }
	return &Counting{life.Loop(run), w}
}

// Ready tells why not every partition is being followed; nil: all are.
func (c *Counting) Ready() error { return c.worker.Ready() }

// Package commit is group commit. Items that arrive at the same time leave in one entry of the log,
// and a result comes back for each. It knows bytes and no feature.
package commit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/queue"
)

// How long a sender waits.
const (
	// Deadline is when a sender must have an answer.
	Deadline = 5 * time.Second
	// DefaultWait is how long a sender waits for a result. After it, a durable item is enough.
	DefaultWait = time.Second
)

// Item is one thing to commit.
type Item[T any] struct {
	Value     T
	Partition int
	Sender    uuid.UUID // one sender has a bounded number of items in a partition
	Bytes     int       // that the value adds to an entry, about
	Arrived   time.Time // when the request came; waits are measured from then
	Accepted  time.Time // when the item's window began; zero: when it arrived
}

// Wait says what a sender waits for.
type Wait struct {
	For   time.Duration // how long for the result, at most Deadline
	Async bool          // not for the result at all, only until the item is durable
}

// Config says what a group is to know of its items.
type Config[T, R any] struct {
	// Encode makes the type and the body of an entry of items, at least one. It appends the body
	// to buf. An error is a fault of the program.
	Encode func(buf []byte, items []T) (kind byte, body []byte, err error)
	// Decode reads a reply's body: one result per item of the entry, in order. It keeps nothing
	// of the body. What became of an item without a result is unknown.
	Decode func(body []byte) []R
	// Judge says what a result means for its item: what the sender is told, or an error. Nil:
	// the result.
	Judge func(item T, result R) (R, error)
	// Window bounds how long after its acceptance an item may be written, and how long after it
	// a confirm makes the item durable. Zero: there is no bound. An item is accepted then when
	// its confirm is read.
	Window time.Duration
	// Words name the items in errors.
	Words Words

	Partitions int // known at the start; items may name more, up to queue.MaxPartitions
	// MaxWaiting bounds the items without an answer. One of several partitions may hold half of
	// them.
	MaxWaiting int
	// Now is a monotonic clock, the one of Item's times.
	Now func() time.Time
}

// Group takes items of one stream. It is safe for use by many goroutines. The zero R means that
// an item is durable and has no result yet.
//
// It is a life.Service.
type Group[T, R any] struct {
	config  Config[T, R]
	log     queue.Publisher
	maxLane atomic.Int64 // bounds the items of a partition: a stalled one leaves room for others
	waiting atomic.Int64
	lanes   atomic.Pointer[[]*lane[T, R]] // by partition; nil: not met yet. Never nil itself
	waiters sync.Pool
	telling sync.WaitGroup // items with a hearer that is not told yet
	sending *life.Tasks    // one for each lane
	reading life.Service   // of replies

	opening sync.Mutex // of lanes

	mu       sync.Mutex
	expected map[uuid.UUID]*batch[T, R] // published, results outstanding
}

// New makes a group over a log. Nothing is committed before its Start.
func New[T, R any](log queue.Publisher, c Config[T, R]) *Group[T, R] {
	g := &Group[T, R]{
		config: c, log: log, sending: life.NewTasks(),
		expected: make(map[uuid.UUID]*batch[T, R]),
	}
	g.share(c.Partitions)
	g.lanes.Store(new([]*lane[T, R]))
	g.reading = life.Loop(g.readReplies)
	return g
}

// Start begins to send what comes, and to read replies.
func (g *Group[T, R]) Start() error { return life.InOrder(g.reading, g.sending).Start() }

// lane gives the lane of a partition, and opens it when it meets the partition first. The error is
// a fault of the program: no log has such a partition.
func (g *Group[T, R]) lane(partition int) (*lane[T, R], error) {
	if partition < 0 || partition >= queue.MaxPartitions {
		return nil, fmt.Errorf("there is no partition %d", partition)
	}
	if all := *g.lanes.Load(); partition < len(all) && all[partition] != nil {
		return all[partition], nil
	}
	return g.open(partition), nil
}

// open opens a lane, unless another call just did.
func (g *Group[T, R]) open(partition int) *lane[T, R] {
	g.opening.Lock()
	defer g.opening.Unlock()
	old := *g.lanes.Load()
	all := make([]*lane[T, R], max(len(old), partition+1))
	copy(all, old)
	if all[partition] == nil {
		l := newLane(g, partition)
		all[partition] = l
		g.share(max(g.config.Partitions, len(all)))
		g.lanes.Store(&all)
		g.sending.Go(func(ctx context.Context) { l.run(ctx.Done()) })
	}
	return all[partition]
}

// share bounds the items of one of so many partitions.
func (g *Group[T, R]) share(partitions int) {
	g.maxLane.Store(int64(max(g.config.MaxWaiting/min(partitions, 2), 1)))
}

// Enter takes one of the MaxWaiting seats, for a sender that will have an item. It is called
// before anything that may take its time, so that this is bounded, too. Unavailable: no seat is
// free. After a nil error the seat must be given back once, by Leave or by a Submit that returns
// nil.
func (g *Group[T, R]) Enter() error {
	if g.waiting.Add(1) > int64(g.config.MaxWaiting) {
		g.waiting.Add(-1)
		return g.config.Words.full()
	}
	return nil
}

// Leave gives a seat back.
func (g *Group[T, R]) Leave() { g.waiting.Add(-1) }

// Waiting gives the number of seats that are taken.
func (g *Group[T, R]) Waiting() int { return int(g.waiting.Load()) }

// Commit writes an item and waits for its answer. The sender has a seat, and keeps it. A nil
// error promises that the item is applied, with that result, or durable, with the zero result.
// Errors:
//   - Busy: too many items of the sender wait in the partition; the item is not written.
//   - Unavailable: the item may be written or not; sending it again is safe.
//   - What Judge makes of the result.
func (g *Group[T, R]) Commit(ctx context.Context, item Item[T], wait Wait) (R, error) {
	var none R
	l, err := g.lane(item.Partition)
	if err != nil {
		return none, err
	}
	w := g.waiter()
	defer g.waiters.Put(w)
	b, place, err := l.admit(&item, w)
	if err != nil {
		return none, err
	}
	defer l.release(item.Sender)
	return b.await(ctx, w, place, item.Arrived, item.Accepted, wait)
}

// Submit is Commit without a goroutine that waits. The hearer is told once what Commit would
// return, with DefaultWait. Any goroutine may tell it, also before Submit returns. After a nil
// error the sender's seat is given back when the hearer is told. After another one the hearer is
// not told.
func (g *Group[T, R]) Submit(
	ctx context.Context, item Item[T], async bool, to Hearer[T, R],
) error {
	l, err := g.lane(item.Partition)
	if err != nil {
		return err
	}
	g.telling.Add(1)
	err = l.enlist(&item, hearer[T, R]{
		to: to, ctx: ctx, sender: item.Sender, arrived: item.Arrived, async: async,
	})
	if err != nil {
		g.telling.Done()
	}
	return err
}

// Stop sends what waits still, and returns when the log has taken or refused it, and every hearer
// was told. That is when Deadline is over, at the latest. Nothing may be committed meanwhile.
func (g *Group[T, R]) Stop(ctx context.Context) error {
	if err := g.sending.Stop(ctx); err != nil {
		return err
	}
	if err := life.Wait(ctx, &g.telling); err != nil {
		return err
	}
	return g.reading.Stop(ctx)
}

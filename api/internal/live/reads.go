package live

import (
	"context"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
)

// Burst is how many reads a quiet thing may have at once. While they never stop it has one each
// Pace.
const Burst = 10

// Reads reads things that have a key, for many at once. While a read of a thing is under way, or
// waits for its turn, all others who ask share the next one. So no answer is older than its
// request, from whichever replica. A room that reloads through a proxy never sees its tally go
// back. A thing costs the store Burst reads and then one per Pace. A crowd pays for that with a
// wait of at most Pace and two reads.
// It is safe for use by many goroutines, and keeps nothing of a thing that nobody has read for a
// second. It is a life.Service, which is stopped before what it reads from.
type Reads[K comparable, V any] struct {
	*life.Tasks // one for each thing that is read
	look        func(ctx context.Context, k K) (V, error)

	mu    sync.Mutex
	lines map[K]*line[V]
}

// line is those who wait for one thing.
type line[V any] struct {
	next *reading[V]   // that has not begun; nil: nobody waits for one. Under Reads.mu
	asks chan struct{} // a token when there is a next one
	paid time.Time     // until when its reads are paid for, at one per Pace; of its goroutine
}

// reading is one look at a thing. What it brought may be used when done is closed, and must not be
// changed.
type reading[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// NewReads makes a reader that reads with look.
func NewReads[K comparable, V any](look func(ctx context.Context, k K) (V, error)) *Reads[K, V] {
	return &Reads[K, V]{Tasks: life.NewTasks(), look: look, lines: map[K]*line[V]{}}
}

// Read gives what a read brought that began after the call. It must not be changed, for others have
// it, too. The error is look's, or Unavailable when ctx ends or the reads are stopped.
func (c *Reads[K, V]) Read(ctx context.Context, k K) (value V, err error) {
	return c.await(ctx, c.join(k))
}

// ReadEach is Read of several things at once. Each is told of in the order of the keys.
func (c *Reads[K, V]) ReadEach(ctx context.Context, keys []K, each func(k K, value V, err error)) {
	all := make([]*reading[V], len(keys))
	for i, k := range keys {
		all[i] = c.join(k)
	}
	for i, k := range keys {
		value, err := c.await(ctx, all[i])
		each(k, value, err)
	}
}

// await gives what a read brings.
func (c *Reads[K, V]) await(ctx context.Context, r *reading[V]) (value V, err error) {
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return value, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	case <-c.Context().Done():
		return value, errStopping
	}
}

// join gives the next read of a thing.
func (c *Reads[K, V]) join(k K) *reading[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[k]
	if l == nil {
		l = &line[V]{asks: make(chan struct{}, 1)}
		c.lines[k] = l
		c.Go(func(ctx context.Context) { c.serve(ctx, k, l) })
	}
	if l.next == nil {
		l.next = &reading[V]{done: make(chan struct{})}
		l.asks <- struct{}{} // its token is taken before next is
	}
	return l.next
}

// serve does the reads of one thing, one after the other, until it has been left alone for as long
// as its reads are paid.
func (c *Reads[K, V]) serve(ctx context.Context, k K, l *line[V]) {
	for {
		select {
		case <-l.asks:
		case <-time.After(time.Until(l.paid)):
			if c.leave(k, l) {
				return
			}
			<-l.asks // somebody has just come
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(time.Until(l.paid.Add(-(Burst - 1) * Pace))):
		case <-ctx.Done():
			return
		}
		if now := time.Now(); l.paid.Before(now) {
			l.paid = now
		}
		l.paid = l.paid.Add(Pace)
		r := c.begin(l)
		r.value, r.err = c.look(ctx, k) // not bound to a request: others wait, too
		close(r.done)
	}
}

// leave forgets a line; false: somebody waits in it.
func (c *Reads[K, V]) leave(k K, l *line[V]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.next == nil {
		delete(c.lines, k)
	}
	return l.next == nil
}

// begin takes the read that is next: who comes from now on waits for another one.
func (c *Reads[K, V]) begin(l *line[V]) *reading[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := l.next
	l.next = nil
	return r
}

// Len says of how many things something is kept.
func (c *Reads[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

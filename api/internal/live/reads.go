package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// How often one thing is read from the store, however many ask for it.
const (
	readPace  = 100 * time.Millisecond // between reads when they never stop
	readBurst = 10                     // reads that a quiet thing may have at once
	// resultsTimeout bounds a read of a poll's results, for which others wait: on a connection that has fallen silent it must
	// not hold them up.
	resultsTimeout = 2 * time.Second
)

// coalesced reads for many at once, things that have a key: all who come while a read of the same thing is under way, or has to
// wait for its turn, share the next one. So nobody gets an answer that is older than their request, from whichever replica (a
// room that reloads through a proxy never sees its tally go back), and a thing costs the store readBurst reads and then one per
// readPace; what a crowd pays is a wait of at most readPace and two reads. What many read is encoded once.
// It is safe for use by many goroutines, and keeps nothing about what nobody has read for a second.
type coalesced[K comparable, V any] struct {
	look   func(ctx context.Context, k K) (V, error)
	ctx    context.Context // of the reads
	cancel context.CancelFunc
	things sync.WaitGroup // a goroutine for each thing that is read

	mu    sync.Mutex
	lines map[K]*line[V]
}

// line is those who wait for one thing.
type line[V any] struct {
	next *reading[V]   // that has not begun; nil: nobody waits for one. Under coalesced.mu
	asks chan struct{} // a token when there is a next one
	paid time.Time     // until when the reads that were done are paid for, at one per readPace; of the thing's goroutine
}

// reading is one look at a thing. What it brought may be used when done is closed, and must not be changed.
type reading[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// newCoalesced makes a reader that reads with look. Close it before what that reads from.
func newCoalesced[K comparable, V any](look func(ctx context.Context, k K) (V, error)) *coalesced[K, V] {
	c := &coalesced[K, V]{look: look, lines: map[K]*line[V]{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// read gives what a read brought that began after the call. The error is look's, or Unavailable when ctx ends.
func (c *coalesced[K, V]) read(ctx context.Context, k K) (value V, err error) {
	r := c.join(k)
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return value, poll.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
}

// join gives the next read of a thing.
func (c *coalesced[K, V]) join(k K) *reading[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[k]
	if l == nil {
		l = &line[V]{asks: make(chan struct{}, 1)}
		c.lines[k] = l
		c.things.Go(func() { c.serve(k, l) })
	}
	if l.next == nil {
		l.next = &reading[V]{done: make(chan struct{})}
		l.asks <- struct{}{} // its token is taken before next is
	}
	return l.next
}

// serve does the reads of one thing, one after the other, until it has been left alone for as long as its reads are paid.
func (c *coalesced[K, V]) serve(k K, l *line[V]) {
	for {
		select {
		case <-l.asks:
		case <-time.After(time.Until(l.paid)):
			if c.leave(k, l) {
				return
			}
			<-l.asks // somebody has just come
		case <-c.ctx.Done():
			return
		}
		select {
		case <-time.After(time.Until(l.paid.Add(-(readBurst - 1) * readPace))):
		case <-c.ctx.Done():
			return
		}
		if now := time.Now(); l.paid.Before(now) {
			l.paid = now
		}
		l.paid = l.paid.Add(readPace)
		r := c.begin(l)
		r.value, r.err = c.look(c.ctx, k) // not bound to a request: others wait, too
		close(r.done)
	}
}

// leave forgets a line; false: somebody waits in it.
func (c *coalesced[K, V]) leave(k K, l *line[V]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.next == nil {
		delete(c.lines, k)
	}
	return l.next == nil
}

// begin takes the read that is next: who comes from now on waits for another one.
func (c *coalesced[K, V]) begin(l *line[V]) *reading[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := l.next
	l.next = nil
	return r
}

// close ends the reads and waits for them. read must not be called after it.
func (c *coalesced[K, V]) close() {
	c.cancel()
	c.things.Wait()
}

// resultsReader is the part of poll.Store that is needed for results. Coalesced results are one, too.
type resultsReader interface {
	Results(ctx context.Context, presentationID, pollID uuid.UUID) (poll.Results, error)
}

type pollKey struct{ presentationID, pollID uuid.UUID }

// encodedResults are a poll's results, of one read.
type encodedResults struct {
	poll.Results
	tag  string // entity tag
	body []byte // JSON

	veiledTag string // as tag and body, for others than the presenter, where the results are hidden from them
	veiled    []byte // nil: they are not
}

// coalescedResults reads polls' results for many at once.
type coalescedResults struct {
	*coalesced[pollKey, *encodedResults]
}

func newCoalescedResults(store resultsReader) coalescedResults {
	return coalescedResults{newCoalesced(func(ctx context.Context, k pollKey) (*encodedResults, error) {
		ctx, cancel := context.WithTimeout(ctx, resultsTimeout)
		defer cancel()
		r, err := store.Results(ctx, k.presentationID, k.pollID)
		if err != nil {
			return nil, err
		}
		e := &encodedResults{Results: r, tag: resultsTag(&r, ""), veiledTag: resultsTag(&r, ".hidden")}
		e.body, e.veiled, err = encodeResults(&r)
		return e, err
	})}
}

// Results is read for who needs no encoded answer: the event streams' hub, whose reads are those of everybody else then.
func (c coalescedResults) Results(ctx context.Context, presentationID, pollID uuid.UUID) (poll.Results, error) {
	r, err := c.read(ctx, pollKey{presentationID, pollID})
	if err != nil {
		return poll.Results{}, err
	}
	return r.Results, nil
}

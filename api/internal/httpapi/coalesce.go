package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// How often one poll's results are read from the store, however many ask for them.
const (
	readPace  = 100 * time.Millisecond // between reads when they never stop
	readBurst = 10                     // reads that a quiet poll may have at once
	// resultsTimeout bounds a read, for which others wait: on a connection that has fallen silent it must not hold them up.
	resultsTimeout = 2 * time.Second
)

// coalesced reads results for many at once: all who come while a read of their poll is under way, or has to wait for its
// turn, share the next one. So nobody gets an answer that is older than their request, from whichever replica (a room that
// reloads through a proxy never sees its tally go back), and a poll costs the store readBurst reads and then one per
// readPace; what a crowd pays is a wait of at most readPace and two reads. Results that many read are encoded once.
// It is safe for use by many goroutines, and keeps nothing about polls that nobody has read for a second.
type coalesced struct {
	store  resultsReader
	ctx    context.Context // of the reads
	cancel context.CancelFunc
	polls  sync.WaitGroup // a goroutine for each poll that is read

	mu    sync.Mutex
	lines map[pollKey]*line
}

// resultsReader is the part of poll.Store that is needed here. A coalesced reader is one, too.
type resultsReader interface {
	Results(ctx context.Context, presentationID, pollID uuid.UUID) (poll.Results, error)
}

type pollKey struct{ presentationID, pollID uuid.UUID }

// line is those who wait for one poll's results.
type line struct {
	next *reading      // that has not begun; nil: nobody waits for one. Under coalesced.mu
	asks chan struct{} // a token when there is a next one
	paid time.Time     // until when the reads that were done are paid for, at one per readPace; of the poll's goroutine
}

// reading is one look at a poll's results. What it brought may be used when done is closed, and must not be changed.
type reading struct {
	done    chan struct{}
	results poll.Results
	status  poll.Status
	tag     string // entity tag
	body    []byte // JSON
	err     error

	veiledTag string // as tag and body, for others than the presenter, where the results are hidden from them
	veiled    []byte // nil: they are not
}

// newCoalesced makes the reader of a store. Close it before the store.
func newCoalesced(store resultsReader) *coalesced {
	c := &coalesced{store: store, lines: map[pollKey]*line{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// read gives the results of a read that began after the call. The error is the store's, or Unavailable when ctx ends.
func (c *coalesced) read(ctx context.Context, presentationID, pollID uuid.UUID) (*reading, error) {
	r := c.join(pollKey{presentationID, pollID})
	select {
	case <-r.done:
		return r, r.err
	case <-ctx.Done():
		return nil, poll.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
}

// Results is read for who needs no encoded answer: the event streams' hub, whose reads are those of everybody else then.
func (c *coalesced) Results(ctx context.Context, presentationID, pollID uuid.UUID) (poll.Results, error) {
	r, err := c.read(ctx, presentationID, pollID)
	if err != nil {
		return poll.Results{}, err
	}
	return r.results, nil
}

// join gives the poll's next read.
func (c *coalesced) join(k pollKey) *reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[k]
	if l == nil {
		l = &line{asks: make(chan struct{}, 1)}
		c.lines[k] = l
		c.polls.Go(func() { c.serve(k, l) })
	}
	if l.next == nil {
		l.next = &reading{done: make(chan struct{})}
		l.asks <- struct{}{} // its token is taken before next is
	}
	return l.next
}

// serve does the reads of one poll, one after the other, until it has been left alone for as long as its reads are paid.
func (c *coalesced) serve(k pollKey, l *line) {
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
		c.look(k, c.begin(l))
	}
}

// leave forgets a line; false: somebody waits in it.
func (c *coalesced) leave(k pollKey, l *line) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.next == nil {
		delete(c.lines, k)
	}
	return l.next == nil
}

// begin takes the read that is next: who comes from now on waits for another one.
func (c *coalesced) begin(l *line) *reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := l.next
	l.next = nil
	return r
}

// look reads. It is not bound to a request: others wait, too.
func (c *coalesced) look(k pollKey, r *reading) {
	defer close(r.done)
	ctx, cancel := context.WithTimeout(c.ctx, resultsTimeout)
	defer cancel()
	results, err := c.store.Results(ctx, k.presentationID, k.pollID)
	if r.err = err; err == nil {
		r.results, r.status, r.tag, r.veiledTag = results, results.Status, resultsTag(&results, ""), resultsTag(&results, ".hidden")
		r.body, r.veiled, r.err = encodeResults(&results)
	}
}

// close ends the reads and waits for them. read must not be called after it.
func (c *coalesced) close() {
	c.cancel()
	c.polls.Wait()
}

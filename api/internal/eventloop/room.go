package eventloop

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// What has become of a request while it is the server's (passed), or of its answer.
const (
	resting   = iota // there is none: the server waits for the next
	arriving         // it is not whole, or nobody has read its body yet
	handled          // by its handler
	answering        // its answer waits for the client to read
	given            // its connection has given way
)

const (
	// arrivesIn is how long a request of an honest client takes from its first byte to its last,
	// nearly always.
	arrivesIn = time.Second
	// handledIn is more than any handler takes: what a request may ask of the store, and a vote's
	// wait for its answer. The time in which a body arrives is no part of it.
	handledIn = 15 * time.Second
)

// enter begins a phase, unless the connection has given way.
func (c *Conn) enter(phase int32) bool {
	// first: who looks meanwhile finds that something has changed
	c.since.Store(time.Now().UnixNano())
	for {
		before := c.phase.Load()
		if before == given || c.phase.CompareAndSwap(before, phase) {
			return before != given
		}
	}
}

// Handle makes a server's handler one that tells the listener when a request is whole, and when it
// was handled. A request whose connection has given way is not handled. A server that streams
// bodies calls its handler before the body is there: such a request arrives until its handler calls
// Whole.
func Handle(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		t, ok := ctx.Conn().(*Turn)
		if ok && !ctx.Request.IsBodyStream() && !t.Whole() {
			ctx.SetConnectionClose()
			return
		}
		next(ctx)
		if ok {
			t.enter(answering)
		}
	}
}

// Whole is for a handler that has read its request's body from a stream. The connection does not
// give way from then on, unless the handler takes longer than any may. False: it has given way
// already, and the request must not be handled.
func (t *Turn) Whole() bool { return t.enter(handled) }

// room is who gives way next.
type room struct {
	mu   sync.Mutex
	next []candidate
}

// candidate is a connection that could give way when it was looked at.
type candidate struct {
	conn  *Conn
	rank  int
	since int64
}

// MakeRoom closes the connection that can be spared most, the first that there is of these:
//   - one on which a request has begun to come and does not go on
//   - the one that has asked nothing for the longest time
//   - one whose client does not read its answer
//   - one whose handler does not come to an end
//
// False: there is a request under way on all of them.
func (l *Listener) MakeRoom() bool {
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	for looked := false; ; looked = true {
		for len(l.room.next) > 0 {
			c := l.room.next[0]
			l.room.next[0] = candidate{}
			l.room.next = l.room.next[1:]
			if c.conn.giveWay(c.since) {
				return true
			}
		}
		if looked {
			return false
		}
		l.room.next = l.candidates()
	}
}

// candidates looks at all connections and gives the first sixteenth of those that can give way.
// Clients that come in crowds must not cost a look at all of them each.
func (l *Listener) candidates() (found []candidate) {
	all, now := l.all(), time.Now().UnixNano()
	for _, c := range all {
		since := c.since.Load()
		if rank, ok := c.rank(time.Duration(now - since)); ok {
			found = append(found, candidate{c, rank, since})
		}
	}
	slices.SortFunc(found, func(a,
		b candidate) int {
		return cmp.Or(a.rank-b.rank, cmp.Compare(a.since, b.since))
	})
	return slices.Clone(found[:min(len(found), len(all)/16+1)])
}

// rank orders what can give way; false: it cannot. took is how long it has done what it does.
func (c *Conn) rank(took time.Duration) (int, bool) {
	state, phase := c.state.Load(), c.phase.Load()
	switch {
	case state == passed && phase == arriving && took > arrivesIn:
		return 0, true
	case state == idle, state == passed && phase == resting && c.loop == nil:
		return 1, true
	case state == passed && phase == arriving:
		return 2, true
	case phase == answering && took > arrivesIn &&
		(state == passed || state == busy || state == missed):
		return 3, true
	case state == passed && phase == handled &&
		took > handledIn: // its handler takes longer than any may
		return 4, true
	}
	return 0, false
}

// giveWay closes the connection if it still does what it did.
func (c *Conn) giveWay(since int64) bool {
	if c.since.Load() != since {
		return false
	}
	if c.loop != nil && c.state.CompareAndSwap(idle, reading) {
		if c.silent() {
			_ = c.cut()
			return true
		}
		c.state.Store(idle) // the loop has not come to what arrived
		c.loop.again(c)
		c.closeIfStopping()
		return false
	}
	phase := c.phase.Load()
	if _, ok := c.rank(time.Duration(time.Now().UnixNano() - since)); !ok ||
		!c.phase.CompareAndSwap(phase, given) {
		return false
	}
	_ = c.cut()
	return true
}

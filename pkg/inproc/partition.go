package inproc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

var errClosed = errors.New("the log is closed")

// unavailable says that the log is away of a stream, or of several.
func unavailable(cause error, streams ...string) error {
	return fault.Unavailablef(cause, "the log of %s is away", strings.Join(streams, ", "))
}

// overhead is about what an entry takes in memory beside its body.
const overhead = 128

// entry is an entry that waits to be acknowledged.
type entry struct {
	queue.Entry
	tag       uint64
	confirmed func(error)
	died      time.Time // when it was set aside first; zero: it never was
	held      bool      // only its own tag acknowledges it
	refused   error     // what its publisher is told instead of nil when it is acknowledged
}

func (e *entry) size() int { return overhead + len(e.Body) }

// partition is one ordered log. Its entries are those not acknowledged yet; the first of its
// subscriptions is active and has delivered the entries before next.
type partition struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	closed  bool
	entries []entry // by rising tag
	next    int
	holding int // how many are held
	bytes   int
	lastTag uint64
	subs    []*subscription
	changed chan struct{} // closed and replaced when something may concern a subscription
}

func newPartition(maxEntries, maxBytes int) *partition {
	return &partition{maxEntries: maxEntries, maxBytes: maxBytes, changed: make(chan struct{})}
}

func (p *partition) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *partition) append(e entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: %w", queue.ErrRefused, errClosed)
	case len(p.entries) >= p.maxEntries:
		return fmt.Errorf("%w: %d entries wait to be applied", queue.ErrRefused, len(p.entries))
	case p.bytes+e.size() > p.maxBytes:
		return fmt.Errorf("%w: %d bytes wait to be applied", queue.ErrRefused, p.bytes)
	}
	p.lastTag++
	e.tag = p.lastTag
	p.bytes += e.size()
	p.entries = append(p.entries, e)
	p.wake()
	return nil
}

// take gives the next entry if s is active, else what to wait for. ok is false when s has ended.
func (p *partition) take(s *subscription) (e entry, found bool, wait <-chan struct{}, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return entry{}, false, nil, false
	}
	if len(p.subs) == 0 || p.subs[0] != s || p.next == len(p.entries) {
		return entry{}, false, p.changed, true
	}
	p.next++
	p.entries[p.next-1].refused = nil // whoever had it before left it to us
	return p.entries[p.next-1], true, nil, true
}

// given finds an entry that s was given and that is not acknowledged. mu is held.
func (p *partition) given(s *subscription, tag uint64) *entry {
	if len(p.subs) > 0 && p.subs[0] == s {
		for i := range p.entries[:p.next] {
			if p.entries[i].tag == tag {
				return &p.entries[i]
			}
		}
	}
	return nil
}

func (p *partition) hold(s *subscription, tag uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.given(s, tag); e != nil && !e.held {
		e.held = true
		p.holding++
	}
}

// refuse marks an entry that s was given as one that is set aside, unless only a part of it is,
// and gives it.
func (p *partition) refuse(s *subscription, d queue.Delivery, reason string) (entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.given(s, d.Tag)
	if e == nil {
		return entry{}, fmt.Errorf("entry %d was not delivered, or was acknowledged", d.Tag)
	}
	if e.ID == d.Entry.ID {
		e.refused = fmt.Errorf("%w: %s", queue.ErrRefused, reason)
	}
	return *e, nil
}

// ack forgets what s was given up to tag, but what is held, or the held entry of that tag, and
// confirms it.
func (p *partition) ack(s *subscription, tag uint64) error {
	p.mu.Lock()
	if p.closed || len(p.subs) == 0 || p.subs[0] != s {
		p.mu.Unlock()
		return errors.New("the subscription is not active")
	}
	n := 0
	for n < p.next && p.entries[n].tag <= tag {
		n++
	}
	from := 0
	if n > 0 && p.entries[n-1].tag == tag && p.entries[n-1].held {
		from = n - 1
		p.entries[from].held = false
		p.holding--
	}
	done := slices.Clone(p.entries[from:n])
	kept := from
	if p.holding > 0 {
		done = done[:0]
		for _, e := range p.entries[from:n] {
			if e.held {
				p.entries[kept] = e
				kept++
			} else {
				done = append(done, e)
			}
		}
	}
	p.entries = slices.Delete(p.entries, kept, n)
	p.next -= n - kept
	for _, e := range done {
		p.bytes -= e.size()
	}
	p.mu.Unlock()
	for _, e := range done {
		e.confirmed(e.refused)
	}
	return nil
}

// leave ends s: what it did not acknowledge goes to the next one. It must not be delivering any
// more.
func (p *partition) leave(s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.subs, s)
	if i < 0 {
		return
	}
	p.subs = slices.Delete(p.subs, i, i+1)
	if i == 0 {
		p.next, p.holding = 0, 0
		for j := range p.entries {
			p.entries[j].held = false
		}
		p.wake()
	}
}

// close ends every subscription and tells the publishers of what is left that nobody will apply
// it: whether somebody did is not known here.
func (p *partition) close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	left, subs := p.entries, p.subs
	p.entries, p.subs, p.next, p.bytes = nil, nil, 0, 0
	p.mu.Unlock()
	for _, s := range subs {
		_ = s.Close() // never fails
	}
	for _, e := range left {
		e.confirmed(queue.ErrUnknown)
	}
}

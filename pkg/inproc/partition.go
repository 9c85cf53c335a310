package inproc

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

var errClosed = errors.New("the log is closed")

func unavailable(cause error) error { return fault.Unavailablef(cause, "the log of votes is away") }

// entry is a batch that waits to be acknowledged.
type entry struct {
	tag       uint64
	batch     poll.Batch
	size      int
	confirmed func(error)
	refused   error // what its publisher is told instead of nil when it is acknowledged
}

// partition is one ordered log. Its entries are those not acknowledged yet; the first of its subscriptions is active
// and has delivered the entries before next.
type partition struct {
	maxBatches, maxBytes int

	mu      sync.Mutex
	closed  bool
	entries []entry
	next    int
	bytes   int
	lastTag uint64
	subs    []*subscription
	changed chan struct{} // closed and replaced when something of the above may concern a subscription
}

func newPartition(maxBatches, maxBytes int) *partition {
	return &partition{maxBatches: maxBatches, maxBytes: maxBytes, changed: make(chan struct{})}
}

func (p *partition) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *partition) append(b poll.Batch, confirmed func(error)) error {
	size := sizeOf(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: %w", queue.ErrRefused, errClosed)
	case len(p.entries) >= p.maxBatches:
		return fmt.Errorf("%w: %d batches wait to be counted", queue.ErrRefused, len(p.entries))
	case p.bytes+size > p.maxBytes:
		return fmt.Errorf("%w: %d bytes wait to be counted", queue.ErrRefused, p.bytes)
	}
	p.lastTag++
	p.bytes += size
	p.entries = append(p.entries, entry{tag: p.lastTag, batch: b, size: size, confirmed: confirmed})
	p.wake()
	return nil
}

// sizeOf estimates what a batch takes in memory.
func sizeOf(b poll.Batch) int {
	const batch, vote = 128, 96
	size := batch + len(b.Votes)*vote
	for i := range b.Votes {
		size += len(b.Votes[i].Answer)
	}
	return size
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

// refuse marks an entry that s was given as one that nobody will count.
func (p *partition) refuse(s *subscription, d queue.Delivery, reason string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.subs) > 0 && p.subs[0] == s {
		for i := range p.entries[:p.next] {
			if p.entries[i].tag == d.Tag {
				if p.entries[i].batch.ID != d.Batch.ID {
					return nil
				}
				p.entries[i].refused = fmt.Errorf("%w: %s", queue.ErrRefused, reason)
				return nil
			}
		}
	}
	return fmt.Errorf("entry %d was not delivered, or was acknowledged", d.Tag)
}

// ack forgets what s was given up to tag, and confirms it.
func (p *partition) ack(s *subscription, tag uint64) error {
	p.mu.Lock()
	if p.closed || len(p.subs) == 0 || p.subs[0] != s {
		p.mu.Unlock()
		return errors.New("the subscription is not active")
	}
	n := 0
	for n < p.next && p.entries[n].tag <= tag {
		p.bytes -= p.entries[n].size
		n++
	}
	done := slices.Clone(p.entries[:n])
	p.entries = slices.Delete(p.entries, 0, n)
	p.next -= n
	p.mu.Unlock()
	for _, e := range done {
		e.confirmed(e.refused)
	}
	return nil
}

// leave ends s: what it did not acknowledge goes to the next one. It must not be delivering any more.
func (p *partition) leave(s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.subs, s)
	if i < 0 {
		return
	}
	p.subs = slices.Delete(p.subs, i, i+1)
	if i == 0 {
		p.next = 0
		p.wake()
	}
}

// close ends every subscription and tells the publishers of what is left that nobody will count it: whether somebody
// did is not known here.
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

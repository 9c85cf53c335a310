package work

import (
	"context"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/fault"
)

// combiner applies in one transaction what several partitions wait for, a transaction at a time.
// The first that comes while none is under way leads: it applies what waits for all. Those that
// come meanwhile wait for the next transaction, which the first of them leads. A partition without
// others hence pays for no goroutine in between. A combiner is safe for use by many goroutines.
type combiner struct {
	applier Applier

	mu      sync.Mutex
	led     bool     // by somebody, who passes it on
	waiting []*share // in the order in which they came
}

// share is the part that one partition has in a transaction.
type share struct {
	ended   func() error // why no transaction may begin for it; nil: one may
	entries []Partitioned
	items   int
	alone   bool
	turn    chan struct{} // a token: it is finished, or it is to lead

	finished bool
	applied  Applied
	err      error
}

// apply is Apply for the entries of one partition. They share a transaction with what other
// partitions wait for, but where they are to be alone. A transaction of several may fail with an
// error other than Unavailable. Each is then applied alone, so that nobody suffers for another's
// data. A transaction under way is finished when ctx ends. None begins after that, and the error
// is ctx's.
func (c *combiner) apply(ctx context.Context, entries []Partitioned, alone bool) (Applied, error) {
	s := &share{ended: ctx.Err, entries: entries, alone: alone, turn: make(chan struct{}, 1)}
	for _, e := range entries {
		s.items += c.applier.Size(e.Entry)
	}
	if c.join(s); !s.finished {
		c.applyAll(context.WithoutCancel(ctx), c.take())
		c.passOn()
	}
	return s.applied, s.err
}

// join returns when s is finished, or is the first that waits and has the lead. Until then it
// waits for transactions that are bounded.
func (c *combiner) join(s *share) {
	c.mu.Lock()
	c.waiting = append(c.waiting, s)
	led := c.led
	c.led = true
	c.mu.Unlock()
	if led {
		<-s.turn
	}
}

// passOn gives the lead to the first that waits, if there is one.
func (c *combiner) passOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.led = len(c.waiting) > 0; c.led {
		c.waiting[0].turn <- struct{}{}
	}
}

// take gives the first that wait, as many as a transaction may have.
func (c *combiner) take() []*share {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, items := 1, c.waiting[0].items
	for n < len(c.waiting) && !c.waiting[n-1].alone && !c.waiting[n].alone {
		if items += c.waiting[n].items; items > maxItems {
			break
		}
		n++
	}
	taken := slices.Clone(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	return taken
}

// applyAll finishes shares: in one transaction, and if that fails, in one for each. While the store
// is away, nothing else is tried.
func (c *combiner) applyAll(ctx context.Context, all []*share) {
	err := c.applyOnce(ctx, all...)
	for _, s := range all {
		if !s.finished && len(all) > 1 && !fault.Is(err, fault.Unavailable) {
			err = c.applyOnce(ctx, s)
		}
		if !s.finished {
			s.finish(Applied{}, err)
		}
	}
}

// applyOnce finishes shares in a transaction, or none of them with an error. Those for which no
// transaction may begin are finished without.
func (c *combiner) applyOnce(ctx context.Context, all ...*share) error {
	var entries []Partitioned
	for _, s := range all {
		if err := s.ended(); err != nil {
			s.finish(Applied{}, err)
		} else {
			entries = append(entries, s.entries...)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	applied, err := c.applier.Apply(ctx, entries)
	if err != nil {
		return err
	}
	for _, s := range all {
		if !s.finished {
			n := len(s.entries)
			s.finish(Applied{applied.Results[:n], applied.Changed}, nil)
			applied = Applied{Results: applied.Results[n:]} // the changes are told once
		}
	}
	return nil
}

// finish tells the share's partition what became of it.
func (s *share) finish(applied Applied, err error) {
	s.applied, s.err, s.finished = applied, err, true
	s.turn <- struct{}{}
}

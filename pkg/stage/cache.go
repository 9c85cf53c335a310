// Package stage is what is on the slide: the presenter's transitions, the sealing of what left,
// and the replica's leased cache of what is displayed.
package stage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
)

// readTimeout bounds a read of the cache: what comes later than a lease is of no use to votes.
const readTimeout = poll.Lease

// forgetEvery is how often entries that nobody uses are dropped.
const forgetEvery = 10 * time.Second

// Cache knows what presentations display, each under a lease of poll.Lease that begins before the
// read does. It is safe for use by many goroutines. A presentation costs at most a read or two per
// lease, however many ask. It is a life.Service.
type Cache struct {
	store   reader
	now     func() time.Time
	entries sync.Map // uuid.UUID → *entry
	reads   *life.Tasks
	forgets life.Service // what nobody uses
}

// reader is the part of poll.Store that the cache needs.
type reader interface {
	Display(ctx context.Context, id uuid.UUID) (poll.Display, error)
}

type entry struct {
	view  atomic.Pointer[view]
	mu    sync.Mutex
	read  *read // under way; under mu
	drops int   // how often it was dropped, or something was kept; under mu
}

// view is a finished read.
type view struct {
	display poll.Display
	begun   time.Time
}

// read is one under way, with those who wait for it.
type read struct {
	done chan struct{}
	err  error
	// what it reads may be older than an announcement that came meanwhile; under the entry's mu
	stale bool
}

// NewCache makes a cache over a store. now is the monotonic clock: time.Now but in tests.
func NewCache(store reader, now func() time.Time) *Cache {
	c := &Cache{store: store, now: now, reads: life.NewTasks()}
	c.forgets = life.Loop(c.forgetUnused)
	return c
}

// Start begins to forget what nobody uses. Reads go on from the beginning.
func (c *Cache) Start() error { return c.forgets.Start() }

// Stop ends the reads under way and waits for them. Display must not be called after it.
func (c *Cache) Stop(ctx context.Context) error {
	return life.InOrder(c.reads, c.forgets).Stop(ctx)
}

// Display gives what a presentation displays, as of a read that began at or after since (the zero
// time: any). The read began less than a lease before the time that Display returns. That time is
// the one to date an acceptance with: asking the clock again would make the lease longer. The
// error is the store's: NotFound or Unavailable, never an old truth.
func (c *Cache) Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display,
	time.Time, error) {
	e := c.entry(id)
	var asked time.Time // when this call first had to wait
	for {
		v, now, ok := c.valid(id, e, since)
		if ok {
			return v.display, now, nil
		}
		switch {
		case asked.IsZero():
			asked = now
		case v != nil && !v.begun.Before(asked) && now.Sub(v.begun) >= poll.Lease:
			return poll.Display{}, now,
				fault.Errorf(fault.Unavailable,
					"the database is too slow: what it says is old when it arrives")
		}
		r := c.begin(id, e, v)
		if r == nil {
			continue
		}
		select {
		case <-r.done:
			if r.err != nil {
				return poll.Display{}, now, r.err
			}
		case <-ctx.Done():
			return poll.Display{}, now,
				fault.Unavailablef(ctx.Err(), "the database did not answer in time")
		}
	}
}

// Use has it noted that a presentation is used, which a read of the store does, and does not wait
// for that. It is for those who use one without asking what it displays.
func (c *Cache) Use(id uuid.UUID) {
	e := c.entry(id)
	if v, _, ok := c.valid(id, e, time.Time{}); !ok {
		c.begin(id, e, v)
	}
}

// Known gives what Display would without waiting, if it can.
func (c *Cache) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	e, ok := c.entries.Load(id)
	if !ok {
		return poll.Display{}, time.Time{}, false
	}
	v, now, ok := c.valid(id, e.(*entry), time.Time{})
	if !ok {
		return poll.Display{}, now, false
	}
	return v.display, now, true
}

// valid gives the entry's view, if there is one, and whether it may be used now.
func (c *Cache) valid(id uuid.UUID, e *entry, since time.Time) (*view, time.Time, bool) {
	now := c.now()
	v := e.view.Load()
	if v == nil || now.Sub(v.begun) >= poll.Lease || v.begun.Before(since) {
		return v, now, false
	}
	if now.Sub(v.begun) > poll.Lease/2 {
		// in use: read it anew before its lease is over, so that nobody has to wait
		c.begin(id, e, v)
	}
	return v, now, true
}

func (c *Cache) entry(id uuid.UUID) *entry {
	if e, ok := c.entries.Load(id); ok {
		return e.(*entry)
	}
	e, _ := c.entries.LoadOrStore(id, &entry{})
	return e.(*entry)
}

// begin gives the read under way, or starts one for who has seen a view; nil: meanwhile there is
// another one.
func (c *Cache) begin(id uuid.UUID, e *entry, seen *view) *read {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.read == nil && e.view.Load() != seen {
		return nil
	}
	if e.read == nil {
		r := &read{done: make(chan struct{})}
		if !c.reads.Go(func(ctx context.Context) { c.read(ctx, id, e, r) }) {
			r.err = fault.Errorf(fault.Unavailable, "stopping: send it again")
			close(r.done)
			return r
		}
		e.read = r
	}
	return e.read
}

// read is not bound to the request that started it. Others wait for it too, and a phone that hangs
// up must not fail them. Nor is it bound to the store. A driver may sit on a dead connection for
// long after its context has ended, and the next read may get a good one.
func (c *Cache) read(ctx context.Context, id uuid.UUID, e *entry, r *read) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	begun := c.now()
	answers := make(chan answer, 1)
	c.reads.Go(func(context.Context) { // after a stop ctx has ended
		display, err := c.store.Display(ctx, id)
		answers <- answer{display, err}
	})
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		a.err = fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.read, r.err = nil, a.err
	if a.err == nil && !r.stale {
		e.view.Store(&view{a.display, begun})
	}
	if fault.Is(a.err, fault.NotFound) {
		e.view.Store(nil)
		c.entries.CompareAndDelete(id, e) // ids that name nothing must not fill the memory
	}
	close(r.done)
}

// answer is what the store says.
type answer struct {
	display poll.Display
	err     error
}

// Drop forgets what is known of a presentation, also what a read under way is about to bring.
func (c *Cache) Drop(id uuid.UUID) {
	if e, ok := c.entries.Load(id); ok {
		e.(*entry).drop()
	}
}

func (e *entry) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.view.Store(nil)
	e.outdate()
}

// outdate has nothing kept that was read before.
func (e *entry) outdate() {
	e.drops++
	if e.read != nil {
		e.read.stale = true
	}
}

// mark is a moment at which what a presentation displays begins to be written.
type mark struct {
	entry *entry
	begun time.Time
	known *view // what was known then, also if its lease was over; nil: nothing
	drops int
}

// mark begins a transition. Its lease, like a read's, begins before the store is asked.
func (c *Cache) mark(id uuid.UUID) mark {
	e := c.entry(id)
	e.mu.Lock()
	defer e.mu.Unlock()
	return mark{entry: e, begun: c.now(), known: e.view.Load(), drops: e.drops}
}

// keep remembers what a transition has made displayed, as a read that began at m would. A
// transition brings neither tokens nor the join code: they are those that were known before, if no
// edit was made since. An announcement that came meanwhile may tell of something newer: nothing is
// kept then.
func (c *Cache) keep(id uuid.UUID, d poll.Display, m mark) {
	e := c.entry(id)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.view.Store(nil)
	if e == m.entry && m.drops == e.drops && m.known != nil && m.known.display.Edits == d.Edits {
		d.Tokens, d.JoinCode = m.known.display.Tokens, m.known.display.JoinCode
		e.view.Store(&view{d, m.begun})
	}
	e.outdate()
}

// Heard drops what a change says is old.
func (c *Cache) Heard(change bus.Change) {
	switch {
	case change == bus.Change{}:
		c.entries.Range(func(_, e any) bool { e.(*entry).drop(); return true })
	case change.Part == uuid.Nil && !c.has(change):
		c.Drop(change.Thing)
	}
}

// has says whether a change is a transition that is known already, such as the replica's own.
func (c *Cache) has(change bus.Change) bool {
	e, ok := c.entries.Load(change.Thing)
	if !ok || change.Version == 0 {
		return false
	}
	v := e.(*entry).view.Load()
	return v != nil && v.display.Version >= change.Version
}

// forgetUnused drops entries that nobody uses, now and then until ctx ends.
func (c *Cache) forgetUnused(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.forget()
		}
	}
}

// forget drops entries whose lease is over. Whoever holds one still may use it: its lease is
// checked at every use.
func (c *Cache) forget() {
	now := c.now()
	c.entries.Range(func(id, value any) bool {
		e := value.(*entry)
		e.mu.Lock()
		defer e.mu.Unlock()
		if v := e.view.Load(); e.read == nil && (v == nil || now.Sub(v.begun) >= poll.Lease) {
			c.entries.CompareAndDelete(id, e)
		}
		return true
	})
}

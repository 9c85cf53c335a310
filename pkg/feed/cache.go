package feed

import (
	"context"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/gather"
)

// Lease is how long a replica trusts what it has read of a poll, from before the read began.
const Lease = time.Second

const (
	// cached is how many polls a replica remembers.
	cached = 10_000
	// readTimeout bounds a read, for which others may wait.
	readTimeout = 2 * time.Second
)

// cache is what a replica knows of polls. It is safe for use by many goroutines.
type cache struct {
	read  func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error)
	now   func() time.Time
	known *lru.Cache[uuid.UUID, leased]
	under singleflight.Group // who asks for the same poll
	fills *gather.Reader[uuid.UUID, Poll]
}

type leased struct {
	poll  Poll
	until time.Time
}

func newCache(
	read func(context.Context, []uuid.UUID) (map[uuid.UUID]Poll, error), now func() time.Time,
) *cache {
	known, err := lru.New[uuid.UUID, leased](cached)
	if err != nil { // the size is positive
		panic(err)
	}
	c := &cache{read: read, now: now, known: known}
	c.fills = gather.New(MaxAtOnce, readTimeout, c.fill)
	return c
}

// ever gives a poll as it was at any time. Its text and options are the same for ever.
func (c *cache) ever(id uuid.UUID) (p Poll, ok bool) {
	l, ok := c.known.Get(id)
	return l.poll, ok
}

// fresh gives a poll as it was at most a Lease ago, if that is known.
func (c *cache) fresh(id uuid.UUID) (p Poll, ok bool) {
	l, ok := c.known.Get(id)
	return l.poll, ok && c.now().Before(l.until)
}

// poll gives a poll as it was at most a Lease ago. Requests for one poll that come at once share a
// read, and those for others one statement.
// NotFound.
func (c *cache) poll(ctx context.Context, id uuid.UUID) (Poll, error) {
	if p, ok := c.fresh(id); ok {
		return p, nil
	}
	return shared(ctx, &c.under, id.String(), func(ctx context.Context) (Poll, error) {
		p, ok, err := c.fills.Read(ctx, id)
		if err == nil && !ok {
			err = fault.Errorf(fault.NotFound, "there is no such poll")
		}
		return p, err
	})
}

// several gives polls as they were at most a Lease ago. Those that are not fresh are read in one
// statement. What is not there is missing.
func (c *cache) several(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error) {
	all, missing := make(map[uuid.UUID]Poll, len(ids)), []uuid.UUID(nil)
	for _, id := range ids {
		if p, ok := c.fresh(id); ok {
			all[id] = p
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return all, nil
	}
	found, err := c.fill(ctx, missing)
	for id, p := range found {
		all[id] = p
	}
	return all, err
}

// fill reads polls, and remembers them. Those that are gone it forgets.
func (c *cache) fill(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error) {
	until := c.now().Add(Lease)
	found, err := c.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if p, ok := found[id]; ok {
			c.known.Add(id, leased{p, until})
		} else {
			c.known.Remove(id)
		}
	}
	return found, nil
}

// heard drops what a change tells of. Of a poll whose tally moved the text stays known.
func (c *cache) heard(change bus.Change) {
	switch {
	case change == bus.Change{}:
		c.known.Purge()
	case change.Part == uuid.Nil:
		c.known.Remove(change.Thing)
	case change.Part == change.Thing:
		if l, ok := c.known.Peek(change.Thing); ok && l.poll.Revision < change.Revision {
			l.until = time.Time{}
			c.known.Add(change.Thing, l)
		}
	}
}

// shared has calls that come at once share a read. It goes on when the ctx of one of them ends.
func shared[T any](
	ctx context.Context, under *singleflight.Group, key string,
	read func(context.Context) (T, error),
) (T, error) {
	whole := context.WithoutCancel(ctx)
	answer := under.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(whole, readTimeout)
		defer cancel()
		return read(ctx)
	})
	select {
	case a := <-answer:
		return a.Val.(T), a.Err
	case <-ctx.Done():
		var none T
		return none, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
}

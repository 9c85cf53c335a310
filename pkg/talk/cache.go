package talk

import (
	"context"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Lease is how long a replica trusts what it has read of a talk, from before the read began.
const Lease = time.Second

const (
	// cached is how many talks a replica remembers.
	cached = 10_000
	// readTimeout bounds a read, for which others may wait.
	readTimeout = 2 * time.Second
)

// cache is what a replica knows of talks. It is safe for use by many goroutines.
type cache struct {
	read  func(ctx context.Context, id uuid.UUID) (Talk, error)
	now   func() time.Time
	known *lru.Cache[uuid.UUID, leased]
	under singleflight.Group
}

type leased struct {
	talk  Talk
	until time.Time
}

func newCache(
	read func(context.Context, uuid.UUID) (Talk, error), now func() time.Time,
) *cache {
	known, err := lru.New[uuid.UUID, leased](cached)
	if err != nil { // the size is positive
		panic(err)
	}
	return &cache{read: read, now: now, known: known}
}

// fresh gives a talk as it was at most a Lease ago, if that is known.
func (c *cache) fresh(id uuid.UUID) (t Talk, ok bool) {
	l, ok := c.known.Get(id)
	return l.talk, ok && c.now().Before(l.until)
}

// talk gives a talk as it was at most a Lease ago. Requests that come at once share a read.
func (c *cache) talk(ctx context.Context, id uuid.UUID) (Talk, error) {
	if t, ok := c.fresh(id); ok {
		return t, nil
	}
	shared := context.WithoutCancel(ctx)
	answer := c.under.DoChan(id.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(shared, readTimeout)
		defer cancel()
		until := c.now().Add(Lease)
		t, err := c.read(ctx, id)
		if err == nil {
			c.known.Add(id, leased{t, until})
		}
		return t, err
	})
	select {
	case a := <-answer:
		return a.Val.(Talk), a.Err
	case <-ctx.Done():
		return Talk{}, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
}

// heard drops what a change tells of.
func (c *cache) heard(change bus.Change) {
	switch {
	case change == bus.Change{}:
		c.known.Purge()
	case change.Part == uuid.Nil:
		c.known.Remove(change.Thing)
	}
}

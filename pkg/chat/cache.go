package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Lease is how long a replica trusts what it has read of an application, from before the read
// began.
const Lease = time.Second

const (
	// cached is how many applications a replica remembers.
	cached = 10_000
	// readTimeout bounds a read, for which others may wait.
	readTimeout = 2 * time.Second
)

// cache is what a replica knows of applications. It is safe for use by many goroutines.
type cache struct {
	store    Store
	now      func() time.Time
	known    *lru.Cache[uuid.UUID, leased]
	tokens   *lru.Cache[[32]byte, uuid.UUID] // whose a token was when it was looked up
	subjects *lru.Cache[uuid.UUID, uuid.UUID]
	under    singleflight.Group
}

type leased struct {
	app   Application
	until time.Time
}

func newCache(store Store, now func() time.Time) *cache {
	return &cache{
		store: store, now: now, known: remembering[uuid.UUID, leased](),
		tokens:   remembering[[32]byte, uuid.UUID](),
		subjects: remembering[uuid.UUID, uuid.UUID](),
	}
}

func remembering[K comparable, V any]() *lru.Cache[K, V] {
	c, err := lru.New[K, V](cached)
	if err != nil { // the size is positive
		panic(err)
	}
	return c
}

// ever gives an application as it was at any time. Its partition is the same for ever.
func (c *cache) ever(id uuid.UUID) (a Application, ok bool) {
	l, ok := c.known.Get(id)
	return l.app, ok
}

// app gives an application as it was at most a Lease ago. NotFound.
func (c *cache) app(ctx context.Context, id uuid.UUID) (Application, error) {
	if l, ok := c.known.Get(id); ok && c.now().Before(l.until) {
		return l.app, nil
	}
	return c.read(ctx, "i"+string(id[:]), func(ctx context.Context) (Application, error) {
		a, err := c.store.Application(ctx, id)
		if fault.Is(err, fault.NotFound) {
			c.known.Remove(id)
		}
		return a, err
	})
}

// ofToken gives the application of a token, as it was at most a Lease ago. NotFound.
func (c *cache) ofToken(ctx context.Context, hash [32]byte) (Application, error) {
	if id, ok := c.tokens.Get(hash); ok {
		if a, err := c.app(ctx, id); err == nil && a.TokenHash == hash {
			return a, nil
		}
		c.tokens.Remove(hash)
	}
	a, err := c.read(ctx, "t"+string(hash[:]), func(ctx context.Context) (Application, error) {
		return c.store.Find(ctx, hash)
	})
	if err == nil {
		c.tokens.Add(hash, a.ID)
	}
	return a, err
}

// ofSubject gives the application of a subject, as it was at most a Lease ago. NotFound.
func (c *cache) ofSubject(ctx context.Context, subject uuid.UUID) (Application, error) {
	if id, ok := c.subjects.Get(subject); ok {
		if a, err := c.app(ctx, id); err == nil {
			return a, nil
		}
		c.subjects.Remove(subject)
	}
	a, err := c.read(ctx, "s"+string(subject[:]), func(ctx context.Context) (Application, error) {
		return c.store.Of(ctx, subject)
	})
	if err == nil {
		c.subjects.Add(subject, a.ID)
	}
	return a, err
}

// read has calls that come at once share a read, and remembers what it gives. The read goes on when
// the ctx of one of them ends.
func (c *cache) read(
	ctx context.Context, key string, read func(context.Context) (Application, error),
) (Application, error) {
	whole := context.WithoutCancel(ctx)
	answer := c.under.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(whole, readTimeout)
		defer cancel()
		until := c.now().Add(Lease)
		a, err := read(ctx)
		if err == nil {
			c.known.Add(a.ID, leased{a, until})
		}
		return a, err
	})
	select {
	case a := <-answer:
		return a.Val.(Application), a.Err
	case <-ctx.Done():
		return Application{}, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
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

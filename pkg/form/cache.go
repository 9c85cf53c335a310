package form

import (
	"context"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Lease is how long a replica trusts what it has read of a form, from before the read began.
const Lease = time.Second

// readTimeout bounds a read, for which others may wait.
const readTimeout = 2 * time.Second

// cache is what a replica knows of forms. It is safe for use by many goroutines.
type cache struct {
	read  func(ctx context.Context, id uuid.UUID) (Form, error)
	now   func() time.Time
	known *lru.Cache[uuid.UUID, leased]
	under singleflight.Group
}

type leased struct {
	form  Form
	until time.Time
}

func newCache(
	read func(context.Context, uuid.UUID) (Form, error), now func() time.Time,
) *cache {
	known, err := lru.New[uuid.UUID, leased](cached)
	if err != nil { // the size is positive
		panic(err)
	}
	return &cache{read: read, now: now, known: known}
}

// fresh gives a form as it was at most a Lease ago, if that is known.
func (c *cache) fresh(id uuid.UUID) (f Form, ok bool) {
	l, ok := c.known.Get(id)
	return l.form, ok && c.now().Before(l.until)
}

// form gives a form as it was at most a Lease ago. Requests that come at once share a read.
func (c *cache) form(ctx context.Context, id uuid.UUID) (Form, error) {
	if f, ok := c.fresh(id); ok {
		return f, nil
	}
	shared := context.WithoutCancel(ctx)
	answer := c.under.DoChan(id.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(shared, readTimeout)
		defer cancel()
		until := c.now().Add(Lease)
		f, err := c.read(ctx, id)
		if err == nil {
			c.known.Add(id, leased{f, until})
		}
		return f, err
	})
	select {
	case a := <-answer:
		return a.Val.(Form), a.Err
	case <-ctx.Done():
		return Form{}, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
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

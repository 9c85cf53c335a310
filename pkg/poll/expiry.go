package poll

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

const (
	// expireEvery is about how often a process looks for presentations that nobody has used for too
	// long.
	expireEvery = 10 * time.Minute
	// expireAtOnce is how many it lists at once.
	expireAtOnce = 100
	// eraseAtOnce is how many rows it deletes in one transaction, and erasePause how long it then
	// leaves the database to votes.
	eraseAtOnce = 1000
	erasePause  = 20 * time.Millisecond
	// expiryTimeout bounds each call. It is short beside a stop: what is cut is tried again.
	expiryTimeout = 5 * time.Second
)

// ExpiryStore is the part of Store that an Expiry needs.
type ExpiryStore interface {
	Unused(ctx context.Context, age time.Duration, limit int) ([]uuid.UUID, error)
	Expire(ctx context.Context, id uuid.UUID, age time.Duration) (bool, error)
	Erase(ctx context.Context, limit int) (int, error)
}

// Expiry removes presentations that nobody has used for as long as keep, and announces that they
// are gone. Any number may run on one store, in any number of processes: each presentation is
// removed once.
type Expiry struct {
	store    ExpiryStore
	announce func(...bus.Change)
	keep     time.Duration
	logger   *slog.Logger
}

// NewExpiry makes an Expiry. Where keep is 0 every presentation is kept, and only what an earlier
// run left is deleted. announce must not block.
func NewExpiry(
	store ExpiryStore, announce func(...bus.Change), keep time.Duration, logger *slog.Logger,
) *Expiry {
	return &Expiry{store: store, announce: announce, keep: keep, logger: logger}
}

// Run looks again and again until ctx ends, and then finishes the call under way. Processes that
// start together look at different times.
func (e *Expiry) Run(ctx context.Context) {
	for {
		select {
		case <-time.After(expireEvery/2 + rand.N(expireEvery)):
		case <-ctx.Done():
			return
		}
		if n, err := e.Once(ctx); err != nil && ctx.Err() == nil {
			e.logger.Warn("presentations that nobody uses are not removed; trying again later",
				"error", err)
		} else if n > 0 {
			e.logger.Info("presentations removed that nobody has used for too long",
				"presentations", n)
		}
	}
}

// Once removes what is to be removed now, and gives how many presentations that were.
func (e *Expiry) Once(ctx context.Context) (removed int, err error) {
	if err := e.erase(ctx); err != nil || e.keep == 0 {
		return 0, err
	}
	// What is used is noted once in UseNoted: one that is used now may look as if it had not been
	// for that long.
	age := e.keep + UseNoted
	for ctx.Err() == nil {
		var ids []uuid.UUID
		err := e.call(ctx, func(ctx context.Context) (err error) {
			ids, err = e.store.Unused(ctx, age, expireAtOnce)
			return err
		})
		if err != nil {
			return removed, err
		}
		before := removed
		for _, id := range ids {
			expired, err := e.expire(ctx, id, age)
			if err != nil {
				return removed, err
			}
			if expired {
				removed++
			}
		}
		if removed == before { // none, or other processes are at them
			break
		}
	}
	return removed, ctx.Err()
}

func (e *Expiry) expire(ctx context.Context, id uuid.UUID,
	age time.Duration) (expired bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	err = e.call(ctx, func(ctx context.Context) (err error) {
		expired, err = e.store.Expire(ctx, id, age)
		return err
	})
	if err != nil || !expired {
		return false, err
	}
	e.announce(bus.Change{Thing: id})
	return true, e.erase(ctx)
}

// erase deletes what was left of votes and words.
func (e *Expiry) erase(ctx context.Context) error {
	for ctx.Err() == nil {
		var n int
		err := e.call(ctx, func(ctx context.Context) (err error) {
			n, err = e.store.Erase(ctx, eraseAtOnce)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(erasePause):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// call finishes a call also when ctx ends.
func (e *Expiry) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), expiryTimeout)
	defer cancel()
	return f(ctx)
}

package feed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// upkeepEvery is about how often a process looks what is to be done.
	upkeepEvery = 10 * time.Minute
	// monthsAhead is how many months after this one have room for their answers.
	monthsAhead = 3
	// eraseAtOnce is how many rows are deleted in one transaction, and erasePause how long the
	// database is then left to others.
	eraseAtOnce = 1000
	erasePause  = 20 * time.Millisecond
	// upkeepTimeout bounds each call. It is short beside a stop: what is cut is tried again.
	upkeepTimeout = 5 * time.Second
)

// UpkeepStore is the part of Store that an Upkeep needs.
type UpkeepStore interface {
	Prepare(ctx context.Context, m Month) error
	KeepFrom(ctx context.Context, m Month) error
	Erase(ctx context.Context, now time.Time, limit int) (int, error)
}

// Upkeep makes room for the answers of months to come, and removes what nobody needs any more. Any
// number may run on one store, in any number of processes.
type Upkeep struct {
	store  UpkeepStore
	keep   time.Duration
	logger *slog.Logger
	now    func() time.Time
}

// NewUpkeep makes an Upkeep. It drops the answers to a month's polls when all of them were made
// longer than keep ago; 0: never.
func NewUpkeep(store UpkeepStore, keep time.Duration, logger *slog.Logger) *Upkeep {
	return &Upkeep{store, keep, logger, time.Now}
}

// Run looks at once, and then again and again until ctx ends. It finishes the call under way.
// Processes that start together look at different times.
func (u *Upkeep) Run(ctx context.Context) {
	for {
		if err := u.Once(ctx); err != nil && ctx.Err() == nil {
			u.logger.Warn("the feed is not tidied up; trying again later", "error", err)
		}
		select {
		case <-time.After(upkeepEvery/2 + rand.N(upkeepEvery)):
		case <-ctx.Done():
			return
		}
	}
}

// Once does what is to be done now.
func (u *Upkeep) Once(ctx context.Context) error {
	now := u.now()
	month := MonthOf(now)
	for range 1 + monthsAhead {
		err := u.call(ctx, func(ctx context.Context) error { return u.store.Prepare(ctx, month) })
		if err != nil {
			return err
		}
		month = month.Next()
	}
	if u.keep > 0 {
		from := MonthOf(now.Add(-u.keep))
		err := u.call(ctx, func(ctx context.Context) error { return u.store.KeepFrom(ctx, from) })
		if err != nil {
			return err
		}
	}
	return u.erase(ctx, now)
}

func (u *Upkeep) erase(ctx context.Context, now time.Time) error {
	for {
		var n int
		err := u.call(ctx, func(ctx context.Context) (err error) {
			n, err = u.store.Erase(ctx, now, eraseAtOnce)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(erasePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// call makes a call that is finished also when ctx ends. None begins after that.
func (u *Upkeep) call(ctx context.Context, f func(context.Context) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), upkeepTimeout)
	defer cancel()
	return f(ctx)
}

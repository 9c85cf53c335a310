package form

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// upkeepEvery is about how often a process looks what is to be removed.
	upkeepEvery = 10 * time.Minute
	// eraseAtOnce is how many rows are deleted in one transaction, and erasePause how long the
	// database is then left to others.
	eraseAtOnce = 1000
	erasePause  = 20 * time.Millisecond
	// upkeepTimeout bounds each call. It is short beside a stop: what is cut is tried again.
	upkeepTimeout = 5 * time.Second
)

// EraseStore is the part of Store that an Upkeep needs.
type EraseStore interface {
	Erase(ctx context.Context, limit int) (int, error)
}

// Upkeep removes the responses to forms that were deleted. Any number may run on one store, in any
// number of processes.
type Upkeep struct {
	store  EraseStore
	logger *slog.Logger
}

// NewUpkeep makes an Upkeep.
func NewUpkeep(store EraseStore, logger *slog.Logger) *Upkeep { return &Upkeep{store, logger} }

// Run looks at once, and then again and again until ctx ends. It finishes the call under way.
// Processes that start together look at different times.
func (u *Upkeep) Run(ctx context.Context) {
	for {
		if err := u.Once(ctx); err != nil && ctx.Err() == nil {
			u.logger.Warn("responses to deleted forms stay; trying again later", "error", err)
		}
		select {
		case <-time.After(upkeepEvery/2 + rand.N(upkeepEvery)):
		case <-ctx.Done():
			return
		}
	}
}

// Once removes what is to be removed now.
func (u *Upkeep) Once(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := u.erase(ctx)
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

// erase makes a call that is finished also when ctx ends.
func (u *Upkeep) erase(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), upkeepTimeout)
	defer cancel()
	return u.store.Erase(ctx, eraseAtOnce)
}

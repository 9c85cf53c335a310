package chat

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// upkeepEvery is about how often a process looks what is to be erased.
	upkeepEvery = 10 * time.Minute
	// eraseAtOnce is how many rows are deleted in one transaction, and erasePause how long the
	// database is then left to others.
	eraseAtOnce = 1000
	erasePause  = 20 * time.Millisecond
	// eraseTimeout bounds each call. It is short beside a stop: what is cut is tried again.
	eraseTimeout = 5 * time.Second
)

// Upkeep erases what deleted applications have left. Any number may run on one store, in any number
// of processes.
type Upkeep struct {
	store interface {
		Erase(ctx context.Context, limit int) (int, error)
	}
	logger *slog.Logger
}

// NewUpkeep makes an Upkeep.
func NewUpkeep(store Store, logger *slog.Logger) *Upkeep { return &Upkeep{store, logger} }

// Run looks at once, and then again and again until ctx ends. It finishes the call under way.
// Processes that start together look at different times.
func (u *Upkeep) Run(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := u.erase(ctx)
		pause := erasePause
		switch {
		case err != nil:
			u.logger.Warn("deleted chats are not erased; trying again later", "error", err)
			fallthrough
		case n == 0:
			pause = upkeepEvery/2 + rand.N(upkeepEvery)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// erase makes a call that is finished also when ctx ends.
func (u *Upkeep) erase(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseTimeout)
	defer cancel()
	return u.store.Erase(ctx, eraseAtOnce)
}

package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// keep is how long deliveries can be seen that are over.
	keep = 30 * 24 * time.Hour
	// upkeepEvery is about how often a process looks what is to be removed.
	upkeepEvery = 10 * time.Minute
	// eraseAtOnce is how many rows are deleted in one transaction, and erasePause how long the
	// database is then left to others.
	eraseAtOnce = 1000
	erasePause  = 20 * time.Millisecond
)

// eraser is the part of Store that an Upkeep needs.
type eraser interface {
	Erase(ctx context.Context, before time.Time, limit int) (int, error)
}

// Upkeep removes deliveries that were over long ago. Any number may run on one store, in any number
// of processes.
type Upkeep struct {
	store  eraser
	logger *slog.Logger
}

// NewUpkeep makes an Upkeep.
func NewUpkeep(store eraser, logger *slog.Logger) *Upkeep { return &Upkeep{store, logger} }

// Run looks at once, and then again and again until ctx ends. It finishes the call under way.
// Processes that start together look at different times.
func (u *Upkeep) Run(ctx context.Context) {
	for {
		n, err := u.erase(ctx)
		pause := upkeepEvery/2 + rand.N(upkeepEvery)
		switch {
		case err != nil:
			u.logger.Warn("old deliveries stay; trying again later", "error", err)
		case n > 0:
			pause = erasePause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (u *Upkeep) erase(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return u.store.Erase(ctx, time.Now().Add(-keep), eraseAtOnce)
}

package poll

import (
	"context"
	"log/slog"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// refoldEvery is how often a Refold looks.
const refoldEvery = 2 * time.Second

// refoldTimeout bounds the counting anew of one poll's words. Each statement of it has the
// store's own time-outs.
const refoldTimeout = time.Minute

// maxRefoldWait is the longest pause after calls that failed. A poll is locked while it is counted
// anew. If a poll is too large for the store's time-outs, it must not keep its voters waiting
// again and again.
const maxRefoldWait = 10 * time.Minute

// RefoldStore is the part of Store that a Refold needs.
type RefoldStore interface {
	Refold(ctx context.Context) (changed *bus.Change, more bool, err error)
}

// Refold looks for polls whose words another fold has counted, and has them counted anew. There are
// some after an upgrade, and while processes of before are at work. Polls that get votes are found
// by counting as well. Any number may run.
type Refold struct {
	store    RefoldStore
	announce func(...bus.Change)
	logger   *slog.Logger
}

// NewRefold makes a Refold. announce must not block.
func NewRefold(store RefoldStore, announce func(...bus.Change), logger *slog.Logger) *Refold {
	return &Refold{store: store, announce: announce, logger: logger}
}

// Run looks again and again until ctx ends. A pause after a failure is twice the one before.
func (r *Refold) Run(ctx context.Context) {
	for wait := refoldEvery; ; {
		wait = min(2*wait, maxRefoldWait)
		if r.all(ctx) {
			wait = refoldEvery
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// all goes on until nothing is left to do, and gives true, or a call fails. A call under way is
// finished when ctx ends.
func (r *Refold) all(ctx context.Context) bool {
	for more := true; more && ctx.Err() == nil; {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), refoldTimeout)
		changed, left, err := r.store.Refold(once)
		cancel()
		if err != nil {
			if !fault.Is(err, fault.Unavailable) { // else the store is away, which others say
				r.logger.Warn("words are not counted anew; trying again", "error", err)
			}
			return false
		}
		if more = left; changed != nil {
			r.announce(*changed)
		}
	}
	return true
}

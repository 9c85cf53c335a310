package count

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// refoldTimeout bounds the counting anew of one poll's words. Each statement of it has the store's own time-outs.
const refoldTimeout = time.Minute

// maxRefoldWait is the longest pause after calls that failed. A poll is locked while it is counted anew: one that is too large for
// the store's time-outs must not keep its voters waiting again and again.
const maxRefoldWait = 10 * time.Minute

// refold looks for polls whose words another fold has counted, and has them counted anew: after an upgrade, and while processes
// of before are at work. Polls that get votes are found by counting as well. A pause after a failure is twice the one before.
func (c *Counter) refold(ctx context.Context) {
	for wait := sweepEvery; ; {
		wait = min(2*wait, maxRefoldWait)
		if c.refoldAll(ctx) {
			wait = sweepEvery
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// refoldAll goes on until nothing is left to do, and gives true, or a call fails. A call under way is finished when ctx ends.
func (c *Counter) refoldAll(ctx context.Context) bool {
	for more := true; more && ctx.Err() == nil; {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), refoldTimeout)
		changed, left, err := c.store.Refold(once)
		cancel()
		if err != nil {
			if fault.CodeOf(err) != fault.Unavailable { // else the store is away, which others say
				c.logger.Warn("the words of a poll are not counted anew; trying again", "error", err)
			}
			return false
		}
		if more = left; changed != nil {
			c.news.add([]bus.Change{*changed})
		}
	}
	return true
}

package count

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/poll"
)

// refoldTimeout bounds the counting anew of one poll's words. Each statement of it has the store's own time-outs.
const refoldTimeout = time.Minute

// refold looks for polls whose words another fold has counted, and has them counted anew: after an upgrade, and while processes
// of before are at work. Polls that get votes are found by counting as well.
func (c *Counter) refold(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		c.refoldAll(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// refoldAll goes on until nothing is left to do, or a call fails. A call under way is finished when ctx ends.
func (c *Counter) refoldAll(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), refoldTimeout)
		changed, left, err := c.store.Refold(once)
		cancel()
		if err != nil {
			if poll.KindOf(err) != poll.Unavailable { // else the store is away, which others say
				c.logger.Warn("the words of a poll are not counted anew; trying again", "error", err)
			}
			return
		}
		if more = left; changed != nil {
			c.news.add([]poll.Change{*changed})
		}
	}
}

package count

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/stage"
)

const (
	sweepEvery = 2 * time.Second
	// orphaned is how long a poll must have been seen closing before a worker seals it in place of the replica that should
	// have. It is measured on this worker's monotonic clock and far longer than poll.SealDelay, so no acknowledged vote
	// is behind the seal.
	orphaned = 10 * time.Second
)

// sweep seals polls whose replica died before it did, through the log like any seal.
func (c *Counter) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	seen := make(map[poll.Seal]time.Time)
	for {
		select {
		case <-ticker.C:
			c.sweepOnce(ctx, seen)
		case <-ctx.Done():
			return
		}
	}
}

// sweepOnce looks at what is closing and seals what has been for long enough. seen is since when, by poll and version.
func (c *Counter) sweepOnce(ctx context.Context, seen map[poll.Seal]time.Time) {
	closing, err := c.store.Closing(ctx)
	now := time.Now() // after the answer: the read may have taken long, or this process may have been stopped in it
	if err != nil {
		return // the store is away: what was seen stays seen, nothing is sealed without a new look
	}
	still := make(map[poll.Seal]bool, len(closing))
	for _, p := range closing {
		still[p.Seal] = true
		since, ok := seen[p.Seal]
		if !ok {
			seen[p.Seal] = now
			continue
		}
		partition := queue.Partition(p.PresentationID, c.partitions)
		if now.Sub(since) < orphaned || !c.reads(partition) {
			continue
		}
		seen[p.Seal] = now // if the log is slow, the next try is as far away
		if err := stage.PublishSeal(ctx, c.log, c.partitions, p.PresentationID, p.Seal); err != nil {
			c.logger.Warn("seal not published; trying again", "poll_id", p.Seal.PollID, "error", err)
		}
	}
	for s := range seen {
		if !still[s] {
			delete(seen, s)
		}
	}
}

// reads says whether this counter has a subscription to a partition.
func (c *Counter) reads(partition int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state[partition] == nil
}

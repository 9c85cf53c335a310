package count

import (
	"context"
	"time"
)

const (
	// keepIDs is how long the id of a counted batch is remembered. A batch that comes again later would count again: no
	// worker holds entries for so long, nor does one go on after such a pause without having been restarted.
	keepIDs     = 7 * 24 * time.Hour
	forgetEvery = time.Hour
	forgetStep  = 5000 // ids a transaction, so that counting is not held up
)

// forget keeps the record of counted batches from growing for ever.
func (c *Counter) forget(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for ctx.Err() == nil {
				n, err := c.memory.Forget(ctx, keepIDs, forgetStep)
				if err != nil {
					c.logger.Warn("old batch ids not forgotten; trying again in an hour", "error", err)
				}
				if err != nil || n < forgetStep {
					break
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

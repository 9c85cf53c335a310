package work

import (
	"context"
	"time"
)

const (
	// keepIDs is how long the id of an applied entry is remembered. An entry that comes again later
	// would have its effect again. No worker holds entries for so long, nor goes on after such a
	// pause without having been restarted.
	keepIDs     = 7 * 24 * time.Hour
	forgetEvery = time.Hour
	forgetStep  = 5000 // ids a transaction, so that others are not held up
)

// forget keeps the record of applied entries from growing for ever.
func (w *Worker) forget(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for ctx.Err() == nil {
				n, err := w.ids.Forget(ctx, keepIDs, forgetStep)
				if err != nil {
					w.logger.Warn("old ids not forgotten; trying again in an hour", "error", err)
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

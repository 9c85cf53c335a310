// Package bus is the port by which replicas tell each other that something changed. It is lossy on purpose: it
// carries no data that anybody shows, so a lost message only makes somebody read the store a little later.
package bus

import (
	"context"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Bus carries changes between all replicas and workers of one deployment. It is safe for use by many goroutines.
type Bus interface {
	// Announce tells every subscriber, this process's own included, of changes. It never waits for a slow subscriber or a
	// connection that is away: what cannot be sent now is lost. An error says that it was lost for sure; it is for logs.
	Announce(ctx context.Context, changes ...poll.Change) error

	// Subscribe delivers changes that are announced from now on, in no promised order, some perhaps twice or never,
	// until ctx ends; then the channel is closed. A subscriber that does not read loses changes and holds up nobody.
	// After a time in which changes may have been lost (a lost connection, a full buffer) it gets a zero Change: everything it knows
	// may be old.
	Subscribe(ctx context.Context) <-chan poll.Change

	// Close gives back what the bus holds and closes every subscription.
	Close() error
}

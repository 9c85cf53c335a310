package outbox

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Claim is what a worker wants of a sink.
type Claim struct {
	Sink  string
	Now   time.Time
	Lease time.Duration // after it, others may claim what is not settled
	// Busy are integrations of which nothing is claimed: the worker is at work on them.
	Busy []uuid.UUID
	Jobs int // at most
	Each int // deliveries of one integration, at most
}

// Store keeps integrations and deliveries. It is safe for use by many goroutines, and by many
// processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. An error of the kind Unavailable means that the store is away or
// too slow, and that the outcome of a write is unknown. Every method gives up, with Unavailable,
// when ctx ends.
type Store interface {
	// AddIntegration writes an integration. Facts that are written later reach it. Conflict: its
	// id is there already.
	AddIntegration(ctx context.Context, i Integration) error

	// Integration reads an integration. NotFound.
	Integration(ctx context.Context, id uuid.UUID) (Integration, error)

	// Integrations reads those of a thing, the oldest first.
	Integrations(ctx context.Context, thing uuid.UUID) ([]Integration, error)

	// ChangeIntegration has change change an integration, and writes its Types, Config and Off. No
	// other change is under way meanwhile. One that is off takes no facts, and its deliveries wait.
	// After an error of change, which it gives, nothing is written. NotFound.
	ChangeIntegration(
		ctx context.Context, id uuid.UUID, change func(*Integration) error,
	) (Integration, error)

	// RemoveIntegration removes an integration with its deliveries. NotFound.
	RemoveIntegration(ctx context.Context, id uuid.UUID) error

	// Claim claims deliveries that are due, of integrations that are on. Nobody else claims them
	// before the lease is over. Each claim is a try. Where an integration is Ordered, the first
	// pending delivery of each subject alone is claimed. Two calls never wait for each other.
	Claim(ctx context.Context, c Claim) ([]Job, error)

	// Settle writes results. One of a try that is not the last one has no effect.
	Settle(ctx context.Context, results []Result) error

	// Deliveries reads at most limit deliveries to an integration that are before a place, or the
	// newest where that is 0: the newest first.
	Deliveries(
		ctx context.Context, integration uuid.UUID, before int64, limit int,
	) ([]Delivery, error)

	// Retry makes failed deliveries of an integration due at once, with all their tries: one, or
	// all where the id is Nil. It gives how many.
	Retry(ctx context.Context, integration, id uuid.UUID, now time.Time) (int, error)

	// Backlog says of a sink how many deliveries are pending and failed. It also gives the time of
	// the oldest pending fact.
	Backlog(ctx context.Context, sink string) (Backlog, error)

	// Erase deletes at most limit deliveries that were delivered, or failed, and whose fact is from
	// before a time. It gives how many.
	Erase(ctx context.Context, before time.Time, limit int) (int, error)
}

// Backlog is what waits for a sink.
type Backlog struct {
	Pending, Failed int64
	Oldest          int64 // in milliseconds since 1970; 0: none is pending
}

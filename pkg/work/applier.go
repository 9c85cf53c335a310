package work

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Partitioned is an entry to be applied.
type Partitioned struct {
	queue.Entry
	Partition int
	// Halved: the entry was applied in halves. Nothing but its id is left to be recorded.
	Halved bool
}

// Applied is what a transaction did.
type Applied struct {
	// Results holds the body of a reply for each entry, in the order given. One that is empty is
	// not sent: the entry was applied before, or has nothing to say.
	Results [][]byte
	Changed []bus.Change // what others may want to know
}

// Applier gives the entries of a feature's stream their effect. It is safe for use by many
// goroutines.
type Applier interface {
	// Apply gives entries their effect, in one transaction, each exactly once however often it
	// is given. The entries of a partition are the next ones of its log, in its order. Errors,
	// after which nothing is applied but as Unavailable says:
	//   - Invalid: the store cannot keep the data of one of them.
	//   - queue.ErrMalformed: one of them cannot be decoded.
	//   - Unavailable: the store is away, and the outcome is unknown.
	//   - others: a fault that somebody has to mend first.
	Apply(ctx context.Context, entries []Partitioned) (Applied, error)

	// Size gives how many items an entry holds. A transaction is bounded by them.
	Size(queue.Entry) int

	// Halve parts an entry, so that the one item is found that the store cannot keep. The parts
	// need no ids. Applied one after the other they have the entry's effect, and their results,
	// one behind the other, are the entry's. ok is false where an entry must stay whole.
	Halve(queue.Entry) (a, b queue.Entry, ok bool)

	// Unknown gives the result of an entry of which nothing is known.
	Unknown(queue.Entry) []byte

	// Describe says in a few words what an entry holds, for operators.
	Describe(queue.Entry) string
}

// Table is where it is written how many partitions the stream has.
type Table interface {
	// CountPartitions gives how many there are. They are numbered from 0, and none goes.
	CountPartitions(ctx context.Context) (int, error)
}

// IDs is where the ids of applied entries are recorded.
type IDs interface {
	// Forget drops the ids of entries that were applied more than age ago, at most limit of
	// them, and gives how many it dropped.
	Forget(ctx context.Context, age time.Duration, limit int) (int, error)
}

// Package queue is the port of the ordered log between the API and the workers: one log per partition, which holds
// batches of votes and seals, and the verdicts that come back. It owns the encoding of what travels.
package queue

import (
	"context"
	"errors"
	"hash/fnv"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Partition gives the partition of a presentation among n: FNV-1a 64 of the id's 16 bytes, modulo n. It is part of
// the data: another rule would split a presentation over two logs.
func Partition(presentationID uuid.UUID, n int) int {
	h := fnv.New64a()
	h.Write(presentationID[:])
	return int(h.Sum64() % uint64(n))
}

// What may become of a publish, beside success.
var (
	// ErrRefused: the batch is not in the log and never will be.
	ErrRefused = errors.New("the log refused the batch")
	// ErrUnknown: the connection was lost before the confirm; the batch may be in the log. It must not be published again.
	ErrUnknown = errors.New("the log did not confirm the batch before the connection was lost")
)

// Reply brings the verdicts of a batch, one per vote, in order.
type Reply struct {
	BatchID  uuid.UUID
	Verdicts []poll.Verdict
}

// Publisher writes to the log. It is safe for use by many goroutines.
type Publisher interface {
	// Publish writes a batch at the end of a partition's log, behind every batch whose Publish for that partition
	// returned nil before. It waits only for the connection to take the bytes, not for the confirm.
	//
	// After a nil error confirmed is called exactly once, from another goroutine, and must not block: with nil when
	// the batch is in the log and survives a crash of the broker or process; ErrRefused when it is not in the log;
	// ErrUnknown. A batch is owned by the publisher from the call on until confirmed was called. After an error of
	// Publish, confirmed is never called: ErrRefused (away, blocked by the broker, or ctx ended before the write):
	// not in the log; ErrUnknown: the connection failed, or ctx ended, while it was written. The publisher itself
	// never writes a batch twice. Other errors are faults of the program (a batch that cannot be encoded).
	Publish(ctx context.Context, partition int, b poll.Batch, confirmed func(error)) error

	// Replies delivers the verdicts of batches that this publisher wrote, in no particular order, some of them never
	// (connection lost, batch delivered again after it was counted); a batch's reply may come before its confirm. The
	// channel is closed by Close. Somebody must read it always.
	Replies() <-chan Reply
}

// Delivery is an entry of a partition's log.
type Delivery struct {
	Tag     uint64     // rises along the log within one subscription
	Batch   poll.Batch // as it was published, and whether it was Replayed
	ReplyTo string     // where the verdicts go; empty: nobody waits
	// Err says why the entry could not be decoded; Batch is then empty. ErrVersion (errors.Is): a newer encoding, leave it
	// to a newer worker. Anything else is poison: DeadLetter it.
	Err error
	Raw []byte // the entry as it was found, only with Err
}

// Consumer reads the log.
type Consumer interface {
	// Subscribe begins to deliver a partition's log. Any number of processes may subscribe to a partition: one of them
	// is active and gets the entries, in order, and when its subscription ends the next one goes on exactly after
	// the last acknowledged entry. Being the active one is not exclusive under faults: an entry may be delivered to
	// two. The error is of the kind Unavailable when the log is away.
	Subscribe(ctx context.Context, partition int) (Subscription, error)
}

// Subscription is the delivery of one partition's log. Its methods are for one goroutine, the reading of Deliveries
// included; DeadLetter, and the Ack of an entry with Err, may be called from others meanwhile.
type Subscription interface {
	// Deliveries is closed when the subscription ended, by Close or because the connection was lost. What was delivered
	// and not acknowledged will be delivered again to whoever is active next.
	Deliveries() <-chan Delivery

	// Ack says that every entry up to and including the one with this tag was dealt with and may be forgotten, but those
	// with Err: each of them is forgotten by an Ack of its own tag, which says nothing of others, so that setting it aside
	// may take its time while those behind it are counted. A nil error does not promise that it arrived: the entries may
	// come again.
	Ack(tag uint64) error

	// Reply sends verdicts to a publisher. It may get lost, does not wait for whoever is slow, and has no effect when
	// the publisher is gone. An error says that this one got lost for sure; it is for logs.
	Reply(ctx context.Context, to string, replies ...Reply) error

	// DeadLetter sets an entry aside that cannot be decoded or counted, with the reason: whole, or, where the Batch of d was
	// replaced by one with another id, that one in its place. It must not be acknowledged yet, and may be only after a nil
	// error, which promises that it is kept durably among the DeadLetters; or, where a log keeps none, that its publisher is
	// given ErrRefused when it is acknowledged. It waits, as long as ctx and the subscription live, while the log takes nothing. After an error it may
	// be kept all the same; trying again keeps it under the same id.
	DeadLetter(ctx context.Context, d Delivery, reason string) error

	// Close ends the subscription without cancelling it first: it returns what is not acknowledged to the log in order.
	// Deliveries is closed when Close returns.
	Close() error
}

// Log is a whole adapter.
type Log interface {
	Publisher
	Consumer
	DeadLetters

	// Ping tells what of the log is away at the moment; nil: publishing and consuming should work.
	Ping(ctx context.Context) error

	// Close ends every subscription, gives batches without a confirm ErrUnknown, and closes Replies.
	Close() error
}

// Package queue is the port of the ordered log between the API and the workers. A log has named
// streams, each with partitions that hold entries in order, and with the replies that come back.
// Package queue owns the envelope of what travels, and knows bytes only: the bodies are a
// feature's.
package queue

import (
	"context"
	"errors"
	"hash/fnv"

	"github.com/google/uuid"
)

// MaxPartitions is how many partitions a stream may have. They are numbered from 0.
const MaxPartitions = 256

// Partition gives the partition of a thing among n: FNV-1a 64 of the id's 16 bytes, modulo n. It
// is part of the data: another rule would split a thing over two logs.
func Partition(id uuid.UUID, n int) int {
	h := fnv.New64a()
	h.Write(id[:])
	return int(h.Sum64() % uint64(n))
}

// What may become of a publish, beside success.
var (
	// ErrRefused: the entry is not in the log. Only an operator's replay can put it there.
	ErrRefused = errors.New("the log refused the entry")
	// ErrUnknown: the connection was lost before the confirm. The entry may be in the log. It must
	// not be published again.
	ErrUnknown = errors.New("the log did not confirm the entry before the connection was lost")
)

// Entry is what travels in one message of a stream.
type Entry struct {
	ID   uuid.UUID // an entry that comes again has no effect again
	Type byte      // the stream's own
	Body []byte
	// Replayed: the entry was set aside once and was put back into the log. Whatever stands in the
	// log before it may have been published after it.
	Replayed bool
}

// Reply is what became of an entry, in the words of its feature. It goes to the entry's publisher.
type Reply struct {
	EntryID uuid.UUID
	Body    []byte
}

// Publisher writes to a stream. It is safe for use by many goroutines.
type Publisher interface {
	// Publish writes an entry at the end of a partition's log, behind every entry whose Publish
	// for that partition returned nil before. It waits only for the connection to take the
	// bytes, not for the confirm. A partition below MaxPartitions that nobody named before is
	// made, and Publish waits for that, too.
	//
	// After a nil error confirmed is called exactly once, from another goroutine, and must not
	// block. It is called with one of these:
	//   - nil: the entry is in the log, and survives a crash of the broker or process.
	//   - ErrRefused: it is not in the log. A log that survives no crash says so also of an
	//     entry that was set aside, when that is acknowledged.
	//   - ErrUnknown.
	//
	// The log may read Body until confirmed was called, or Publish returned an error. The publisher
	// leaves it as it is for so long.
	//
	// After an error of Publish, confirmed is never called. ErrRefused: the log is away, is
	// blocked by the broker, or ctx ended before the write; the entry is not in the log.
	// ErrUnknown: the connection failed, or ctx ended, while the entry was written. Other errors
	// are faults of the program (an entry that is too large). The publisher itself never writes
	// an entry twice.
	Publish(ctx context.Context, partition int, e Entry, confirmed func(error)) error

	// Replies delivers the replies to entries that this publisher wrote, in no particular order.
	// Some never come: the connection was lost, or the entry came again after it was applied. A
	// reply may come before its entry's confirm. The log's Close closes the channel. Somebody
	// must read it always.
	Replies() <-chan Reply
}

// Delivery is an entry of a partition's log.
type Delivery struct {
	Tag     uint64 // rises along the log within one subscription
	Entry   Entry  // as it was published, and whether it was Replayed
	ReplyTo string // where the reply goes; empty: nobody waits
	// Err says why the envelope could not be decoded; Entry is then empty. ErrVersion
	// (errors.Is): a newer encoding, leave it to a newer worker. Anything else is poison:
	// DeadLetter it.
	Err error
	Raw []byte // the entry as it was found, only with Err
}

// Consumer reads a stream.
type Consumer interface {
	// Subscribe begins to deliver a partition's log, of any partition below MaxPartitions. Any
	// number of processes may subscribe to a
	// partition: one of them is active and gets the entries, in order. When its subscription
	// ends, the next one goes on exactly after the last acknowledged entry. Being the active one
	// is not exclusive under faults: an entry may be delivered to two. The error is of the kind
	// Unavailable when the log is away.
	Subscribe(ctx context.Context, partition int) (Subscription, error)
}

// Subscription is the delivery of one partition's log. Its methods are for one goroutine, the
// reading of Deliveries included. DeadLetter, and the Ack of a held entry, may be called from
// others meanwhile.
type Subscription interface {
	// Deliveries is closed when the subscription ended, by Close or because the connection was
	// lost. What was delivered and not acknowledged will be delivered again to the next active
	// one.
	Deliveries() <-chan Delivery

	// Hold takes an entry that was delivered out of what the Ack of a later one covers. An entry
	// with Err is held from the start.
	Hold(tag uint64)

	// Ack says that every entry up to the one with this tag, and that one, was dealt with. They may
	// be forgotten, but those that are held. A held one is forgotten by an Ack of its own tag,
	// which says nothing of others. So setting it aside may take its time while those behind it are
	// applied. A nil error does not promise that it arrived: the entries may come again.
	Ack(tag uint64) error

	// Reply sends replies to a publisher. It may get lost, does not wait for a slow reader, and
	// has no effect when the publisher is gone. An error says that this one got lost for sure;
	// it is for logs.
	Reply(ctx context.Context, to string, replies ...Reply) error

	// DeadLetter sets an entry aside that cannot be decoded or applied, with the reason. It
	// keeps the entry whole. If the Entry of d was replaced by one with another id, a part of
	// it, that one is kept instead. The entry must not be acknowledged yet, and may be only
	// after a nil error, which promises that it is kept among the DeadLetters. While the log
	// takes nothing, DeadLetter waits as long as ctx and the subscription live. After an error
	// the entry may be kept all the same; trying again keeps it under the same id.
	DeadLetter(ctx context.Context, d Delivery, reason string) error

	// Close ends the subscription without cancelling it first: it returns what is not
	// acknowledged to the log in order. Deliveries is closed when Close returns.
	Close() error
}

// Stream is one feature's log: partitions of its own, replies of its own, and dead letters of its
// own. Two streams of a log do not see each other.
type Stream interface {
	Publisher
	Consumer
	DeadLetters
}

// Log is a whole adapter.
type Log interface {
	// Stream gives the stream of a name: always the same one. The log says at its opening which
	// streams it has; there is an error for any other name.
	Stream(name string) (Stream, error)

	// Ping tells what of the log is away at the moment; nil: publishing and consuming should work.
	Ping(ctx context.Context) error

	// Close ends every subscription, gives entries without a confirm ErrUnknown, and closes
	// Replies.
	Close() error
}

package queue

import (
	"context"
	"time"
)

// DeadLetter is an entry that was set aside, whole, because it could not be decoded or applied.
type DeadLetter struct {
	ID        string    // another one when it is set aside again after a replay
	Reason    string    // why it was
	Time      time.Time // when it was; zero: not known
	FirstTime time.Time // when it was for the first time; not Time if it was replayed since
	Origin    string    // the adapter's name of the log it lay in
	Partition int       // the same as a number; -1: no partition of this log
	MessageID string    // what its publisher called it; may be empty, and of several letters
	Raw       []byte    // the entry as it was found
}

// Fate is what shall become of a dead letter.
type Fate int

// The fates.
const (
	Keep   Fate = iota // it stays where it is
	Replay             // it goes back into its partition's log
	Drop               // it is forgotten
)

// DeadLetters is where the entries of a stream wait that were set aside, for somebody to look.
// They live as long as what is in the log does. A log that survives no crash may forget the
// oldest ones, whose publishers know that they are not in the log.
type DeadLetters interface {
	// CountDeadLetters tells how many wait; one that was kept twice counts twice. Those that a
	// visit holds or has just given back may be missing.
	CountDeadLetters(ctx context.Context) (int, error)

	// VisitDeadLetters shows decide every dead letter that waits, in the order in which they
	// were set aside, and does what it says. One that was kept twice, because it was not known
	// whether it was, is shown once, and both meet its fate. Those that are kept stay in their
	// order, but for a visit that breaks off. Two visits at once each see some of them.
	//
	// A replayed letter goes to the end of its partition's log, marked as Replayed, and its reply
	// comes to this stream's Replies. It is removed when it is in the log. Removed twice or lost it
	// cannot be, but put back twice, which its id makes harmless. One whose envelope cannot be
	// decoded is not put back and stays. Of those that are replayed in one visit the one with the
	// latest FirstTime goes first, as far as memory allows. A replayed entry yields to whatever it
	// finds.
	//
	// done is called for every letter that is replayed or dropped: with nil, or why it stays;
	// ErrMalformed and ErrVersion: it cannot be decoded. VisitDeadLetters returns an error, of
	// the kind Unavailable, when it could not go on.
	VisitDeadLetters(
		ctx context.Context, decide func(DeadLetter) Fate, done func(DeadLetter, error),
	) error
}

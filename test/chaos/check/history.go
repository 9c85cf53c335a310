// Package check compares what clients of Plenary were told with what its store and its API say
// afterwards. It knows nothing else: no log file, no metric, no code of the product. Everything
// here is a pure function of a [History].
package check

import (
	"fmt"
	"net/http"
	"time"
)

// Lease is how long after a transition a replica may still take votes for the poll that left, by
// the product's promise. It is written down here again, and not imported: a checker must not follow
// what it checks.
const Lease = time.Second

// Never is a time that does not come.
const Never = time.Duration(1<<63 - 1)

// History is all that the clients saw, and what was found at the end. Times are monotonic, since
// the beginning. Voters, polls, rooms and replicas are numbers that the driver gives out.
type History struct {
	Casts []Cast
	Moves []Move // of each room in their order
	Views []View // of each replica in their order
	Rows  []Row  // of the store, at the end
	Ends  []End  // of every poll, at the end
	// of the store, when nothing should have happened for long; nil: it was not read again
	Later []Row
}

// ID is what the product calls a vote, in its answer and in its store.
type ID [16]byte

// String is short, and enough to tell the few of a register apart.
func (id ID) String() string { return fmt.Sprintf("%x", id[12:]) }

// Answer is what a voter chose: a bit per option.
type Answer uint16

// TakenBack is the answer of a voter who has taken theirs back: a row like any other, and none that
// is counted or listed.
const TakenBack Answer = 1 << 14

// Cast is one request of a voter. A retry is a request of its own with the same answer.
type Cast struct {
	Sent, Done time.Duration
	Voter      int32
	Poll       int32
	Seq        int32 // 0: none
	Answer     Answer
	Status     uint16 // of the answer; 0: none came
	ID         ID     // as told in the answer
	Wrong      bool   // it names an option that the poll does not have
	RetryAfter bool   // the answer says when to try again
	Edge       bool   // the answer is the proxy's: a replica may still be busy with the vote
}

// Outcome is what a status says about a vote.
type Outcome int

// The outcomes.
const (
	// it may count: no answer, 503, and what should not have been answered
	Unknown      Outcome = iota
	Acknowledged         // it counts, or a later one does
	Refused              // it does not count
)

// Outcome reads the status by the product's contract.
func (c *Cast) Outcome() Outcome {
	switch c.Status {
	case http.StatusNoContent, http.StatusAccepted:
		return Acknowledged
	case http.StatusConflict, http.StatusBadRequest:
		return Refused
	}
	return Unknown
}

// Move is one transition of a room, from the first request that may have caused it to the answer
// that told the presenter.
type Move struct {
	Sent, Done time.Duration
	Room       int32
	Poll       int32 // displayed from now on; -1: nothing
	Version    int64
}

// View is one reading of a poll's results.
type View struct {
	Sent, Done time.Duration
	Replica    int32
	Poll       int32
	Version    int64
	Revision   int64
	Final      bool
	Body       uint64 // hash of the results as they came
	// hash of the results without their revision, which an edit of who sees them raises
	Counted uint64
	// hash of the votes list that was read between two equal final results; 0: none was read
	List uint64
}

// Row is a vote that stands in the store.
type Row struct {
	Poll   int32
	Voter  int32 // -1: nobody of ours
	Seq    int64
	Answer Answer // 0: not one that can be chosen
	ID     ID
}

// End is a poll at the end.
type End struct {
	Poll   int32
	Counts []int64 // of the store's state, per option
	Voters int64   // of the store's state
	Told   []Told  // by each replica
}

// Told is what a replica says about a poll at the end.
type Told struct {
	Replica int32
	Counts  []int64
	Total   int64
	List    []Row // the votes list; Seq and ID are not told
}

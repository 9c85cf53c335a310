package poll

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
)

// Vote is one voter's answer to one poll, as it travels through the log.
type Vote struct {
	ID      uuid.UUID // for receipts and logs, never for order
	PollID  uuid.UUID
	VoterID uuid.UUID
	Version int64 // the presentation's version that it was accepted under
	Seq     int64 // the voter's own counter; 0: none, the log's order decides
	Answer  question.Answer
}

// Seal says that no vote accepted under Version or before counts any more in the poll.
type Seal struct {
	PollID  uuid.UUID
	Version int64
}

// Batch is what travels in one message of the log: votes, or one seal.
type Batch struct {
	ID        uuid.UUID
	Partition int // of the log, where the message is
	Votes     []Vote
	Seal      *Seal
	// Replayed: it was set aside once and was put back into the log. Its votes only count for
	// voters who have none, since whatever stands in the log before it may have been cast after it.
	Replayed bool
}

// Verdict says what became of an accepted vote. Its number is part of the wire format.
type Verdict byte

// The verdicts.
const (
	Counted    Verdict = 1 // it is the voter's vote now
	Superseded Verdict = 2 // a later vote of that voter stands
	Late       Verdict = 3 // its version was sealed before it came
	// it names a poll or an option that does not exist, or is no text that can be kept
	Rejected Verdict = 4
)

func (v Verdict) String() string {
	switch v {
	case Counted:
		return "counted"
	case Superseded:
		return "superseded"
	case Late:
		return "late"
	case Rejected:
		return "rejected"
	}
	return "unknown"
}

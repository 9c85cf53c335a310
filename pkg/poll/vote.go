package poll

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Answer is what a voter chose: the option keys in the poll's order, one per line (a key holds no control
// character), or what they wrote: their texts, sorted, one per line. It is canonical: two answers that choose or say the
// same are equal. An empty one takes back what the voter has answered: it stands like any other, and counts for nothing.
type Answer string

// TakenBack says whether the answer is empty.
func (a Answer) TakenBack() bool { return a == "" }

// Keys gives the option keys of the answer.
func (a Answer) Keys() []string {
	if a.TakenBack() {
		return nil
	}
	return strings.Split(string(a), "\n")
}

// Texts gives the texts of an answer to a poll of free text, as they were written. An open text is one, however many lines it has.
func (a Answer) Texts() []string {
	if a.TakenBack() {
		return nil
	}
	texts := strings.Split(string(a), "\n")
	for i := range texts {
		texts[i] = Written(texts[i])
	}
	return texts
}

// Vote is one voter's answer to one poll, as it travels through the log.
type Vote struct {
	ID      uuid.UUID // for receipts and logs, never for order
	PollID  uuid.UUID
	VoterID uuid.UUID
	Version int64 // the presentation's version that it was accepted under
	Seq     int64 // the voter's own counter; 0: none, the log's order decides
	Answer  Answer
}

// Seal says that no vote accepted under Version or before counts any more in the poll.
type Seal struct {
	PollID  uuid.UUID
	Version int64
}

// Batch is what travels in one message of the log: votes, or one seal.
type Batch struct {
	ID    uuid.UUID
	Votes []Vote
	Seal  *Seal
	// Replayed: it was set aside once and was put back into the log. Its votes only count for voters who have none, since
	// whatever stands in the log before it may have been cast after it.
	Replayed bool
}

// Verdict says what became of an accepted vote. Its number is part of the wire format.
type Verdict byte

// The verdicts.
const (
	Counted    Verdict = 1 // it is the voter's vote now
	Superseded Verdict = 2 // a later vote of that voter stands
	Late       Verdict = 3 // its version was sealed before it came
	Rejected   Verdict = 4 // it names a poll or an option that does not exist, or is no text that can be kept
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

// Answer checks the keys that a voter chose against the poll and makes an answer of them: of none the empty one, for polls of any
// kind. Errors are of the kind Invalid and name the field: "key" where the poll takes one key, "keys" where it takes several.
func (p *Poll) Answer(keys []string) (Answer, error) {
	if len(keys) == 0 {
		return "", nil
	}
	if p.Kind.FreeText() {
		return "", fault.Field(p.keyField(), "this poll takes text, not a key")
	}
	if len(keys) == 1 { // the usual case, without a copy
		if p.option(keys[0]) < 0 {
			return "", fault.Field(p.keyField(), "%q is not an option of this poll", keys[0])
		}
		return Answer(keys[0]), nil
	}
	switch {
	case p.Kind != Multiple:
		return "", fault.Field("keys", "this poll takes one key")
	case len(keys) > p.MaxChoices:
		return "", fault.Field("keys", "this poll takes at most %d keys", p.MaxChoices)
	}
	places := make([]int, len(keys))
	for i, k := range keys {
		if places[i] = p.option(k); places[i] < 0 {
			return "", fault.Field("keys", "%q is not an option of this poll", k)
		}
	}
	slices.Sort(places)
	chosen := make([]string, len(places))
	for i, place := range places {
		if i > 0 && place == places[i-1] {
			return "", fault.Field("keys", "%q is there twice", p.Options[place].Key)
		}
		chosen[i] = p.Options[place].Key
	}
	return Answer(strings.Join(chosen, "\n")), nil
}

func (p *Poll) keyField() string {
	if p.Kind == Multiple {
		return "keys"
	}
	return "key"
}

// option gives the place of the option with that key, or -1.
func (p *Poll) option(key string) int {
	for i := range p.Options {
		if p.Options[i].Key == key {
			return i
		}
	}
	return -1
}

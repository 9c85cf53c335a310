package form

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// Counted is a form as counting knows it. Its row is locked.
type Counted struct {
	FormID       uuid.UUID
	Definition   *Definition
	Edits        int64
	Closed       bool
	ClosesAt     int64 // in milliseconds since 1970; 0: never
	MaxResponses int64 // 0: any number
	OnePerPerson bool
	Responses    int64
	Numbered     int64
	Revision     int64
}

// over says whether a form takes no responses at the time of an item.
func (f *Counted) over(i *Item) bool { return f.Closed || f.ClosesAt != 0 && f.ClosesAt <= i.At }

// answers gives those of an item. They are checked again if the form was edited since they were.
func (f *Counted) answers(i *Item, old Answers) (Answers, bool) {
	if i.Edits == f.Edits {
		return i.Answers, true
	}
	answers, err := f.Definition.Answer(f.Definition.GivenOf(i.Answers), old)
	return answers, err == nil
}

// Outcome is what a transaction did.
type Outcome struct {
	Verdicts [][]Verdict // per batch; nil: it was decided before, or holds nothing
	Changed  []bus.Change
}

// Settled is what a transaction writes.
type Settled struct {
	Stand  []Response // that are new or other than before
	Gone   []uuid.UUID
	Counts []Move // of what is not a word
	Words  []Move
	Forms  []Counted
	IDs    []uuid.UUID   // of keyed items that had their effect
	Facts  []outbox.Fact // of forms of which anybody wants any
}

// None says whether there is nothing to write.
func (s *Settled) None() bool {
	return len(s.Stand)+len(s.Gone)+len(s.Forms)+len(s.IDs) == 0
}

// Key names a person who responds to a form.
type Key struct{ FormID, Person uuid.UUID }

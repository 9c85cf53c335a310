package form

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// MaxMessage is how many characters a rule may say.
const MaxMessage = 300

// Comparison is how a rule compares two answers.
type Comparison string

// The comparisons.
const (
	Less     Comparison = "<"
	AtMost   Comparison = "<="
	Equal    Comparison = "="
	Unequal  Comparison = "!="
	AtLeast  Comparison = ">="
	MoreThan Comparison = ">"
)

// Rule is what an owner expects of two answers to questions of one kind, numbers or dates. A
// response that breaks it is kept, and flagged. It says nothing where one of both is missing.
type Rule struct {
	ID      uuid.UUID
	Left    uuid.UUID
	Is      Comparison
	Right   uuid.UUID
	Message string // to the respondent; empty: none
}

func (d *Definition) checkRules(wrongs *fault.Wrongs) {
	if len(d.Rules) > MaxRules {
		wrongs.Add("rules", "must be at most %d", MaxRules)
		return
	}
	d.Rules = slices.Clone(d.Rules)
	seen := make(map[uuid.UUID]bool, len(d.Rules))
	for i := range d.Rules {
		r, at := &d.Rules[i], below("rules", i)
		if r.ID == uuid.Nil {
			r.ID = commit.NewID()
		}
		if seen[r.ID] {
			wrongs.Add(at+".rule_id", "is there twice")
		}
		seen[r.ID] = true
		left, right := d.Question(r.Left), d.Question(r.Right)
		compared := func(q *Question) bool {
			return q != nil && (q.Kind == question.Number || q.Kind == question.Date)
		}
		switch {
		case !compared(left):
			wrongs.Add(at+".left", "must be a question for a number or a date")
		case !compared(right):
			wrongs.Add(at+".right", "must be a question for a number or a date")
		case left.Kind != right.Kind:
			wrongs.Add(at+".right", "must be a question of the same kind as the left one")
		}
		switch r.Is {
		case Less, AtMost, Equal, Unequal, AtLeast, MoreThan:
		default:
			wrongs.Add(at+".is", `must be "<", "<=", "=", "!=", ">=" or ">"`)
		}
		r.checkMessage(wrongs, at+".message")
	}
}

func (r *Rule) checkMessage(wrongs *fault.Wrongs, at string) {
	if r.Message == "" {
		return
	}
	var err error
	if r.Message, err = question.CleanLine(at, r.Message, MaxMessage); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
}

// Flags gives the rules that answers break, in order; nil: none.
func (d *Definition) Flags(a Answers) (broken []uuid.UUID) {
	for _, r := range d.Rules {
		left, right := a[r.Left], a[r.Right]
		if left != "" && right != "" && !r.Is.holds(compare(left, right)) {
			broken = append(broken, r.ID)
		}
	}
	return broken
}

// compare compares two numbers, or two dates, which are in the order of their texts.
func compare(a, b question.Answer) int {
	left, isNumber := a.Number()
	right, areNumbers := b.Number()
	if isNumber && areNumbers {
		return cmp.Compare(left, right)
	}
	return strings.Compare(string(a), string(b))
}

// holds says whether two things compare so, of which the first is below, at or above the other.
func (c Comparison) holds(order int) bool {
	switch c {
	case Less:
		return order < 0
	case AtMost:
		return order <= 0
	case Equal:
		return order == 0
	case Unequal:
		return order != 0
	case AtLeast:
		return order >= 0
	}
	return order > 0
}

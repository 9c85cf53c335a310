package form

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
)

// Place says what is counted of the answers to a question:
//   - people who answered it: no key
//   - people who chose an option: its key
//   - the sum of numbers, in two parts: see sumHigh
//   - people who wrote a word of a word cloud: the word, and how they spelled it
type Place struct {
	Question uuid.UUID
	Key      string
	Spelling string // only of a word
}

// The sum of numbers is high * sumBase + low, in steps of 1 / question.Micros. So neither part runs
// over, with however many of the largest numbers.
const (
	sumHigh = "high"
	sumLow  = "low"
	sumBase = 1_000_000_000
)

// Counts are the counts of a form, without those that are 0.
type Counts map[Place]int64

func (c Counts) move(at Place, by int64) {
	if n := c[at] + by; n != 0 {
		c[at] = n
	} else {
		delete(c, at)
	}
}

// kindsOf are those of a form's questions. The kind of one that has answers never changes.
type kindsOf map[uuid.UUID]question.Kind

func (d *Definition) kinds() kindsOf {
	of := make(kindsOf, len(d.Questions))
	for i := range d.Questions {
		of[d.Questions[i].ID] = d.Questions[i].Kind
	}
	return of
}

// add counts answers to a form n times more: 1 for those that stand now, -1 for those that stand no
// more.
func (c Counts) add(of kindsOf, answers Answers, n int64) {
	for id, a := range answers {
		kind, known := of[id]
		if !known {
			continue
		}
		c.move(Place{Question: id}, n)
		switch {
		case kind == question.Number:
			micros, _ := a.Number()
			high := micros / sumBase
			c.move(Place{Question: id, Key: sumHigh}, n*high)
			c.move(Place{Question: id, Key: sumLow}, n*(micros-high*sumBase))
		case kind == question.WordCloud:
			for _, s := range kind.Spellings(a) {
				c.move(Place{Question: id, Key: s.Word, Spelling: s.Text}, n)
			}
		case !kind.FreeText() && !kind.Typed():
			for _, key := range a.Keys() {
				c.move(Place{Question: id, Key: key}, n)
			}
		}
	}
}

// Move is by how much a count of a form moves.
type Move struct {
	FormID uuid.UUID
	Place
	By int64
}

// moves gives what counts move, in order: those of words, and others.
func (c Counts) moves(formID uuid.UUID) (others, words []Move) {
	for at, by := range c {
		if at.Spelling == "" {
			others = append(others, Move{formID, at, by})
		} else {
			words = append(words, Move{formID, at, by})
		}
	}
	slices.SortFunc(others, inOrder)
	slices.SortFunc(words, inOrder)
	return others, words
}

func inOrder(a, b Move) int {
	return cmp.Or(compareIDs(a.Question, b.Question), strings.Compare(a.Key, b.Key),
		strings.Compare(a.Spelling, b.Spelling))
}

// Numbers are what is counted of a form's responses.
type Numbers struct {
	Responses int64
	Counts    Counts
}

// Recounted counts responses, as a store gives them one by one.
type Recounted struct {
	kinds   kindsOf
	Numbers Numbers
}

// NewRecounted begins with what a form asks.
func NewRecounted(d *Definition) *Recounted {
	return &Recounted{kinds: d.kinds(), Numbers: Numbers{Counts: Counts{}}}
}

// Add counts the answers of one response more.
func (r *Recounted) Add(a Answers) {
	r.Numbers.Responses++
	r.Numbers.Counts.add(r.kinds, a, 1)
}

// Minus gives by how much others are to move to be these numbers.
func (n Numbers) Minus(others Numbers) Numbers {
	by := Numbers{Responses: n.Responses - others.Responses, Counts: Counts{}}
	for at, count := range n.Counts {
		by.Counts.move(at, count)
	}
	for at, count := range others.Counts {
		by.Counts.move(at, -count)
	}
	return by
}

// None says whether nothing is counted.
func (n Numbers) None() bool { return n.Responses == 0 && len(n.Counts) == 0 }

// Moves gives what is written of numbers that move: those of words, and others.
func (n Numbers) Moves(formID uuid.UUID) (others, words []Move) { return n.Counts.moves(formID) }

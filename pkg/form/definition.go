package form

import (
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Answered is why a question stays what it is: its answers are kept.
var Answered = fault.Conflict.Named("question_answered")

// Definition is what a form asks. Nobody changes one that others know.
type Definition struct {
	Questions []Question // in the order in which they are asked
	Rules     []Rule
}

// Question gives the question with an id; nil: there is none.
func (d *Definition) Question(id uuid.UUID) *Question { return find(d.Questions, id) }

// places says where each question stands.
func (d *Definition) places() map[uuid.UUID]int {
	places := make(map[uuid.UUID]int, len(d.Questions))
	for i := range d.Questions {
		places[d.Questions[i].ID] = i
	}
	return places
}

func (d *Definition) check(wrongs *fault.Wrongs, old *Definition) {
	if len(d.Questions) > MaxQuestions {
		wrongs.Add("questions", "must be at most %d", MaxQuestions)
		return
	}
	d.Questions = slices.Clone(d.Questions)
	seen := make(map[uuid.UUID]bool, len(d.Questions))
	for i := range d.Questions {
		q, at := &d.Questions[i], below("questions", i)
		if q.ID == uuid.Nil {
			q.ID = commit.NewID()
		}
		if seen[q.ID] {
			wrongs.Add(at+".question_id", "is there twice")
		}
		seen[q.ID] = true
		var before *question.Question
		if old != nil {
			if was := old.Question(q.ID); was != nil {
				before = &was.Question
			}
		}
		q.check(wrongs, at, before)
		q.checkCondition(wrongs, at, d.Questions[:i])
	}
	d.checkRules(wrongs)
}

// size gives how many bytes the texts have.
func (d *Definition) size() (n int) {
	for i := range d.Questions {
		q := &d.Questions[i]
		n += q.Question.Size() + len(q.Help)
		if q.ShowIf != nil {
			n += len(q.ShowIf.Equals) + len(q.ShowIf.Contains)
		}
	}
	for _, r := range d.Rules {
		n += len(r.Message)
	}
	return n
}

// keep keeps what old asked as far as there are answers to it. A question that is missing comes
// back as one that is closed. Of another the kind and the options stay. Answered.
func (d *Definition) keep(old *Definition, answered map[uuid.UUID]int64) error {
	d.Questions = slices.Clone(d.Questions)
	for i := range old.Questions {
		was := old.Questions[i]
		if answered[was.ID] == 0 {
			continue
		}
		now := d.Question(was.ID)
		if now == nil {
			was.Closed, was.ShowIf = true, nil
			d.Questions = slices.Insert(d.Questions, min(i, len(d.Questions)), was)
			continue
		}
		if now.Kind != was.Kind {
			return fault.Errorf(Answered, "the question %s has answers: its kind stays %q",
				was.ID, was.Kind)
		}
		if was.Kind == question.Rating { // its options are no owner's
			continue
		}
		for _, o := range was.Options {
			if !slices.ContainsFunc(now.Options,
				func(other question.Option) bool { return other.Key == o.Key }) {
				return fault.Errorf(Answered, "the question %s has answers: its option %q stays",
					was.ID, o.Key)
			}
		}
	}
	return nil
}

// Add puts a question before the one at a place, or behind all others where there is none.
func (d *Definition) Add(q Question, place int) {
	if place < 0 || place > len(d.Questions) {
		place = len(d.Questions)
	}
	d.Questions = slices.Insert(slices.Clone(d.Questions), place, q)
}

// Change has change change a question. NotFound.
func (d *Definition) Change(id uuid.UUID, change func(*Question) error) error {
	d.Questions = slices.Clone(d.Questions)
	q := d.Question(id)
	if q == nil {
		return noQuestion()
	}
	if err := change(q); err != nil {
		return err
	}
	q.ID = id
	return nil
}

// Remove takes a question out. NotFound.
func (d *Definition) Remove(id uuid.UUID) error {
	i, ok := d.places()[id]
	if !ok {
		return noQuestion()
	}
	d.Questions = slices.Delete(slices.Clone(d.Questions), i, i+1)
	return nil
}

// Order puts the questions into an order, which names each of them once. Invalid.
func (d *Definition) Order(ids []uuid.UUID) error {
	places, ordered := d.places(), make([]Question, 0, len(d.Questions))
	for i, id := range ids {
		place, ok := places[id]
		if !ok {
			return fault.Field(below("question_ids", i), "is no question, or is there twice")
		}
		delete(places, id)
		ordered = append(ordered, d.Questions[place])
	}
	if len(places) > 0 {
		return fault.Field("question_ids", "must name all %d questions", len(d.Questions))
	}
	d.Questions = ordered
	return nil
}

func noQuestion() error {
	return fault.Errorf(fault.NotFound, "the form has no such question")
}

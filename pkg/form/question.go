package form

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Section is the kind of what stands between questions and takes no answer. It begins a part of the
// form. Where its condition does not hold, the whole part is hidden.
const Section question.Kind = "section"

// Limits of a question.
const (
	MaxHelp  = 1000 // characters
	MaxValue = 500  // characters of what a condition waits for
)

// Question is a question of a form, or a section.
type Question struct {
	ID uuid.UUID
	question.Question
	Help      string // empty: none
	Mandatory bool   // where it is shown
	ShowIf    *Condition
	// Closed says that the question takes no new answers. Those that were given stay.
	Closed bool
}

// Condition says when a question is shown: when an earlier one that is shown has an answer that is
// Equals, or that Contains something. One of both is empty.
type Condition struct {
	Question uuid.UUID
	Equals   string
	Contains string
}

// TakesText says whether answers to a question are texts, and no keys of options.
func (q *Question) TakesText() bool { return q.Kind.FreeText() || q.Kind.Typed() }

// name gives what errors call a question's answer by.
func (q *Question) name() string { return "answers[" + q.ID.String() + "]" }

// check checks a question, and names its fields below at. Old is the question as it was; nil: it is
// new.
func (q *Question) check(wrongs *fault.Wrongs, at string, old *question.Question) {
	if q.Kind == "" {
		q.Kind = question.Choice
	}
	if !slices.Contains(kinds, q.Kind) {
		wrongs.Add(at+".kind", "must be one of %s", oneOfKinds())
		return
	}
	asked, err := q.asked().Check(at, old)
	_ = wrongs.NoteAs(err, func(field string) string { // it names its field
		if field == at+".question" {
			return at + ".text"
		}
		return field
	})
	if err == nil {
		asked.Kind = q.Kind
		q.Question = asked
	}
	if q.Help != "" {
		if q.Help, err = question.CleanText(at+".help", q.Help, MaxHelp); err != nil {
			_ = wrongs.Note(err)
		}
	}
	if q.Kind == Section && q.Mandatory {
		wrongs.Add(at+".mandatory", "must be left out: a section takes no answer")
	}
	if q.Kind == Section && q.Closed {
		wrongs.Add(at+".closed", "must be left out: a section takes no answer")
	}
}

// kinds are those of a form's questions.
var kinds = []question.Kind{
	question.Choice, question.Multiple, question.Rating, question.WordCloud, question.OpenText,
	question.Number, question.Date, question.Email, question.Phone, Section,
}

func oneOfKinds() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = strconv.Quote(string(k))
	}
	return strings.Join(names, ", ")
}

// asked is what package question checks of a question. One whose answers are no business of that
// package's is checked as free text. The options of a rating are made anew.
func (q *Question) asked() question.Question {
	asked := q.Question
	switch {
	case q.Kind == Section || q.Kind.Typed():
		asked.Kind = question.OpenText
	case q.Kind == question.Rating:
		asked.Options = nil
	}
	return asked
}

// checkCondition checks a question's condition against the questions before it.
func (q *Question) checkCondition(wrongs *fault.Wrongs, at string, earlier []Question) {
	if q.ShowIf == nil {
		return
	}
	c := *q.ShowIf
	q.ShowIf = &c
	at += ".show_if"
	on := find(earlier, c.Question)
	switch {
	case on == nil || on.Kind == Section:
		wrongs.Add(at+".question_id", "must be an earlier question")
		return
	case on.Closed:
		wrongs.Add(at+".question_id", "must be a question that takes answers")
		return
	case (c.Equals == "") == (c.Contains == ""):
		wrongs.Add(at, "must have either equals or contains")
		return
	}
	var err error
	if c.Contains != "" {
		q.ShowIf.Contains, err = on.part(at+".contains", c.Contains)
	} else {
		q.ShowIf.Equals, err = on.value(at+".equals", c.Equals)
	}
	_ = wrongs.Note(err)
}

// value gives an answer that a condition waits for the form in which it is compared.
func (q *Question) value(at, text string) (string, error) {
	switch {
	case q.Kind.Typed():
		a, err := q.Kind.Clean(at, text)
		return string(a), err
	case q.Kind.FreeText():
		return question.CleanLine(at, text, MaxValue)
	}
	for _, o := range q.Options {
		if o.Key == text {
			return text, nil
		}
	}
	return "", fault.Field(at, "must be the key of an option")
}

// part is value for what an answer is to contain.
func (q *Question) part(at, text string) (string, error) {
	switch {
	case q.Kind == question.Multiple:
		return q.value(at, text)
	case q.Kind.FreeText() || q.Kind == question.Email:
		return question.CleanLine(at, text, MaxValue)
	}
	return "", fault.Field(at, "is for questions that take several options, or text: use equals")
}

// holds says whether a condition holds, on a question that has that answer. Texts are compared
// without their case.
func (c *Condition) holds(on *Question, a question.Answer) bool {
	if a.TakenBack() {
		return false
	}
	if !on.Kind.FreeText() && on.Kind != question.Email {
		for _, key := range a.Keys() {
			if key == c.Contains {
				return true
			}
		}
		return string(a) == c.Equals
	}
	for _, text := range a.Texts() {
		text = strings.ToLower(text)
		if c.Equals != "" && text == strings.ToLower(c.Equals) ||
			c.Contains != "" && strings.Contains(text, strings.ToLower(c.Contains)) {
			return true
		}
	}
	return false
}

func find(all []Question, id uuid.UUID) *Question {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

func below(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

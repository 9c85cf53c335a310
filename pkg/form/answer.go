package form

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// MaxResponse is how many bytes the answers of a response may have.
const MaxResponse = 64 << 10

// Answers are those of a response, by question. None of them is empty.
type Answers map[uuid.UUID]question.Answer

// bytes gives about how many an entry has for answers.
func (a Answers) bytes() (n int) {
	for _, one := range a {
		n += 8 + len(one)
	}
	return n
}

// Given is what a respondent gives to a question, as it was sent: keys of options, or texts.
// Without any that is not empty there is no answer.
type Given struct {
	QuestionID uuid.UUID
	Keys       []string
	Texts      []string
}

// GivenOf gives what a respondent would have to give for answers to a form.
func (d *Definition) GivenOf(a Answers) []Given {
	given := make([]Given, 0, len(a))
	for _, id := range slices.SortedFunc(maps.Keys(a), compareIDs) {
		g := Given{QuestionID: id}
		if q := d.Question(id); q != nil && q.TakesText() {
			g.Texts = a[id].Texts()
		} else {
			g.Keys = a[id].Keys()
		}
		given = append(given, g)
	}
	return given
}

// Answer makes answers of what a respondent gives. It drops what was given to questions that are
// hidden. Old are the answers that the response had before, if any: those to closed questions stay.
// Errors are of the kind Invalid and name all that is wrong, an answer as "answers[question_id]".
func (d *Definition) Answer(given []Given, old Answers) (Answers, error) {
	var wrongs fault.Wrongs
	places := d.places()
	byID := d.byID(given, places, &wrongs)
	all, section := make(Answers, len(given)), true
	for i := range d.Questions {
		q := &d.Questions[i]
		shown := d.shows(q, places, all)
		if q.Kind == Section {
			section = shown
			continue
		}
		if !q.Closed && (!section || !shown) {
			continue
		}
		a, err := q.answer(byID[q.ID])
		switch {
		case err != nil:
			_ = wrongs.NoteAs(err, func(string) string { return q.name() })
		case q.Closed && a != "" && a != old[q.ID]:
			wrongs.Add(q.name(), "this question takes no answers any more")
		case q.Closed && old[q.ID] != "":
			all[q.ID] = old[q.ID]
		case a == "" && q.Mandatory && !q.Closed:
			wrongs.Add(q.name(), "must be answered")
		case a != "":
			all[q.ID] = a
		}
	}
	size := 0
	for _, a := range all {
		size += len(a)
	}
	switch {
	case size > MaxResponse:
		wrongs.Add("answers", "must have at most %d KiB", MaxResponse>>10)
	case len(all) == 0 && len(wrongs) == 0:
		wrongs.Add("answers", "must hold an answer")
	}
	return all, wrongs.Err()
}

// byID finds what was given to each question.
func (d *Definition) byID(
	given []Given, places map[uuid.UUID]int, wrongs *fault.Wrongs,
) map[uuid.UUID]*Given {
	byID := make(map[uuid.UUID]*Given, len(given))
	for i := range given {
		g := &given[i]
		place, known := places[g.QuestionID]
		switch {
		case !known || d.Questions[place].Kind == Section:
			wrongs.Add(below("answers", i)+".question_id", "is no question of this form")
		case byID[g.QuestionID] != nil:
			wrongs.Add(below("answers", i)+".question_id", "is there twice")
		default:
			byID[g.QuestionID] = g
		}
	}
	return byID
}

// shows says whether a question's condition holds, with the answers to those before it.
func (d *Definition) shows(q *Question, places map[uuid.UUID]int, all Answers) bool {
	if q.ShowIf == nil {
		return true
	}
	place, ok := places[q.ShowIf.Question]
	return ok && q.ShowIf.holds(&d.Questions[place], all[q.ShowIf.Question])
}

// answer makes an answer of what was given, if anything was.
func (q *Question) answer(g *Given) (question.Answer, error) {
	if g == nil {
		return "", nil
	}
	keys, texts := filled(g.Keys), filled(g.Texts)
	switch {
	case len(keys) > 0 && q.TakesText():
		return "", fault.Field(q.name(), "this question takes text, not a key")
	case len(texts) > 0 && !q.TakesText():
		return "", fault.Field(q.name(), "this question takes a key, not text")
	case q.Kind.Typed() && len(texts) > 1:
		return "", fault.Field(q.name(), "this question takes one text")
	case q.Kind.Typed() && len(texts) == 1:
		return q.Kind.Clean(q.name(), texts[0])
	case q.TakesText():
		return q.Write("question", texts)
	}
	return q.Choose("question", keys)
}

// filled gives the texts that hold anything.
func filled(texts []string) []string {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	if !slices.ContainsFunc(texts, blank) {
		return texts
	}
	return slices.DeleteFunc(slices.Clone(texts), blank)
}

// storable says of answers that come from the log whether a store can keep them. What is right was
// decided by the API.
func (a Answers) storable() bool {
	size := 0
	for _, one := range a {
		if one == "" || !utf8.ValidString(string(one)) || strings.ContainsRune(string(one), 0) {
			return false
		}
		size += len(one)
	}
	return len(a) > 0 && len(a) <= MaxQuestions && size <= MaxResponse
}

func compareIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }

package form

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/outbox"
	"github.com/plenary-live/plenary/pkg/question"
)

// The types of facts about a response. Their subject is its id.
const (
	FactCreated = "plenary.form.response.created"
	FactUpdated = "plenary.form.response.updated"
	FactDeleted = "plenary.form.response.deleted" // its data has no answers
	FactFlagged = "plenary.form.response.flagged" // it breaks rules that it did not break before
)

// The data of facts. Others read them, so no name ever means anything else.
type (
	factData struct {
		FormID      uuid.UUID    `json:"form_id"`
		ResponseID  uuid.UUID    `json:"response_id"`
		Number      int64        `json:"number"`
		SubmittedAt string       `json:"submitted_at"`
		ChangedAt   string       `json:"changed_at,omitempty"`
		Answers     []factAnswer `json:"answers,omitempty"`
		Broken      []factRule   `json:"broken_rules,omitempty"`
	}
	factAnswer struct {
		QuestionID uuid.UUID     `json:"question_id"`
		Question   string        `json:"question"`
		Kind       question.Kind `json:"kind"`
		Keys       []string      `json:"keys,omitempty"`   // of the options that were chosen
		Values     []string      `json:"values,omitempty"` // as people read them
		Texts      []string      `json:"texts,omitempty"`
	}
	factRule struct {
		RuleID  uuid.UUID `json:"rule_id"`
		Message string    `json:"message,omitempty"`
	}
)

// tell makes the facts of a response that stood before and stands after; nil: it does not.
func (l *Ledger) tell(before, after *Response) {
	switch {
	case after == nil && before != nil:
		l.fact(FactDeleted, before)
	case after == nil:
	case before == nil:
		l.fact(FactCreated, after)
	default:
		l.fact(FactUpdated, after)
	}
	if after != nil && len(after.Flags) > 0 &&
		(before == nil || !slices.Equal(before.Flags, after.Flags)) {
		l.fact(FactFlagged, after)
	}
}

func (l *Ledger) fact(kind string, r *Response) {
	if !l.wanted[r.FormID] {
		return
	}
	f := outbox.Fact{
		ID: commit.NewID(), Type: kind, Thing: r.FormID, Source: "/forms/" + r.FormID.String(),
		Subject: r.ID.String(), At: l.at[r.ID],
		Data: l.forms[r.FormID].Definition.data(r, kind == FactDeleted),
	}
	l.settled.Facts = append(l.settled.Facts, f)
}

// data gives what a fact says of a response.
func (d *Definition) data(r *Response, bare bool) json.RawMessage {
	data := factData{
		FormID: r.FormID, ResponseID: r.ID, Number: r.Number, SubmittedAt: stamp(r.At),
	}
	if r.Changed > 0 {
		data.ChangedAt = stamp(r.Changed)
	}
	for i := 0; i < len(d.Questions) && !bare; i++ {
		q := &d.Questions[i]
		a := r.Answers[q.ID]
		if a == "" {
			continue
		}
		one := factAnswer{QuestionID: q.ID, Question: q.Text, Kind: q.Kind}
		if q.TakesText() {
			one.Texts = a.Texts()
		} else {
			for _, key := range a.Keys() {
				one.Keys, one.Values = append(one.Keys, key), append(one.Values, q.valueOf(key))
			}
		}
		data.Answers = append(data.Answers, one)
	}
	for _, rule := range d.RulesOf(r.Flags) {
		data.Broken = append(data.Broken, factRule{rule.ID, rule.Message})
	}
	return json.RawMessage(encoded(data))
}

func stamp(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

package form_test

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/question"
)

func TestAnEditMeanwhileIsSaidByWhatItMakesWrong(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, nil)
	o.submit(t, to(f, yes())) // this replica knows the form
	_, err := o.Store.Edit(t.Context(), f.ID, func(f *form.Form, _ map[uuid.UUID]int64) error {
		return f.Remove(seats)
	})
	require.NoError(t, err)
	_, err = o.Submit(t.Context(), to(f, yes(), number(seats, "1")), usual)
	is(t, fault.Invalid, err)
	o.submit(t, to(f, yes(), number(guests, "1")))
}

func TestAnEditIsForWhoSawTheLastOneAndKeepsAnswers(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, nil)
	o.submit(t, to(f, yes()))
	heard := o.bus.Subscribe(t.Context())
	edited, err := o.Edit(t.Context(), f.ID, []int64{7, 0}, func(f *form.Form) error {
		f.Rules = nil
		f.Questions = f.Questions[1:2]
		return nil
	})
	require.NoError(t, err)
	require.Len(t, edited.Questions, 2)
	require.True(t, edited.Question(coming).Closed)
	for c := range heard { // of the response there may be one, too
		if c.Part == uuid.Nil {
			require.Equal(t, bus.Change{Thing: f.ID}, c)
			break
		}
	}
	now, err := o.Form(t.Context(), f.ID)
	require.NoError(t, err)
	require.Equal(t, edited.Edits, now.Edits)
	nothing := func(*form.Form) error { return nil }
	_, err = o.Edit(t.Context(), f.ID, []int64{0}, nothing)
	is(t, fault.Stale, err)
	_, err = o.Edit(t.Context(), f.ID, nil, func(f *form.Form) error {
		f.Title = ""
		return nil
	})
	is(t, fault.Invalid, err)
	require.NoError(t, o.Delete(t.Context(), f.ID))
	_, err = o.Form(t.Context(), f.ID)
	is(t, fault.NotFound, err)
	_, err = o.Edit(t.Context(), f.ID, nil, nothing)
	is(t, fault.NotFound, err)
	require.NoError(t, form.NewUpkeep(o.Store, slog.New(slog.DiscardHandler)).Once(t.Context()))
	n, err := o.Store.Erase(t.Context(), 9)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestASearchFindsPartsOfAnswersAndValuesOfOptions(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, func(f *form.Form) {
		f.Questions = append(f.Questions, form.Question{ID: uuid.UUID{15: 4},
			Question: question.Question{Text: "Names", Kind: question.OpenText}})
	})
	for _, name := range []string{"Ünal", "ÜNAL again", "Bob", "%_\\"} {
		o.submit(t, to(f, yes(), form.Given{QuestionID: uuid.UUID{15: 4}, Texts: []string{name}}))
	}
	for search, want := range map[string][]int64{
		"ünal": {2, 1}, "N": {2, 1}, "ja": {4, 3, 2, 1}, "nein": {}, "%": {4}, "_\\": {4}, "'": {},
	} {
		for limit := 1; limit < 6; limit++ {
			got, l := []int64{}, form.Look{FormID: f.ID, Search: search, Limit: limit}
			for {
				page, err := o.Responses(t.Context(), l)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Responses), limit)
				for _, r := range page.Responses {
					got = append(got, r.Number)
				}
				if l.Before = page.Next; l.Before == 0 {
					break
				}
			}
			require.Equal(t, want, got, "%q, %d at a time", search, limit)
		}
	}
	for _, search := range []string{"\x00", "\xff", string(make([]byte, 9))} {
		_, err := o.Responses(t.Context(), form.Look{FormID: f.ID, Search: search, Limit: 1})
		is(t, fault.Invalid, err)
	}
	_, err := o.Responses(t.Context(), form.Look{FormID: uuid.New(), Limit: 1})
	is(t, fault.NotFound, err)
}

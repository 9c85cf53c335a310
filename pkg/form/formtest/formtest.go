// Package formtest is the conformance suite of the forms' store: what form.Store promises, claim by
// claim. Every adapter passes it.
package formtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/outbox"
	"github.com/plenary-live/plenary/pkg/question"
)

// Suite is what an adapter brings.
type Suite struct {
	// Open gives an empty store, which the adapter closes.
	Open func(t *testing.T) form.Store
	// Exec runs a statement on what a store keeps, which no store does. Its one parameter, a
	// question mark, is an id.
	Exec func(t *testing.T, s form.Store, statement string, id uuid.UUID)
	// Outbox gives what is kept beside a store.
	Outbox func(s form.Store) outbox.Store
}

// Run proves the port's promises.
func Run(t *testing.T, s Suite) {
	t.Run("forms", s.forms)
	t.Run("an account's forms", s.owned)
	t.Run("edits", s.edits)
	t.Run("deleted forms", s.deleted)
	t.Run("responses", s.responses)
	t.Run("reading responses", s.reading)
	t.Run("verdicts", s.verdicts)
	t.Run("a person responds once", s.persons)
	t.Run("changes of a response", s.changes)
	t.Run("a form that is edited meanwhile", s.outdated)
	t.Run("retries", s.retries)
	t.Run("words", s.words)
	t.Run("facts", s.facts)
	t.Run("as many responses as may stand", s.bounded)
	t.Run("numbers equal a recount whatever happens", s.property)
	t.Run("recounts", s.recounts)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

// now is the time of all items that say no other.
var now = time.Now().UTC().Truncate(time.Millisecond)

// The questions of newForm, by what they are about.
var (
	coming  = questionID(1) // choice, mandatory: yes, no
	colours = questionID(2) // multiple: r, g, b
	income  = questionID(3) // number
	spent   = questionID(4) // number, at most the income
	cities  = questionID(5) // word cloud, three of them
	why     = questionID(6) // open text, asked of those who are not coming
	stars   = questionID(7) // rating
	day     = questionID(8) // date
	mail    = questionID(9) // e-mail
	phone   = questionID(10)
)

// tooMuch is the rule of newForm.
var tooMuch = questionID(100)

func questionID(n byte) uuid.UUID { return uuid.UUID{0: 0xbb, 15: n} }

func account(n byte) uuid.UUID { return uuid.UUID{0: 0xaa, 15: n} }

func asked(id uuid.UUID, kind question.Kind, keys ...string) form.Question {
	q := form.Question{ID: id, Question: question.Question{Text: "«?» 日本語 '\"", Kind: kind}}
	for _, key := range keys {
		q.Options = append(q.Options, question.Option{Key: key, Value: "Value of " + key})
	}
	return q
}

// newForm gives a form that a store can keep.
func newForm(t testing.TB, change func(*form.Form)) form.Form {
	t.Helper()
	f := form.Form{
		ID: commit.NewID(), Code: access.NewCode(), TokenHash: [32]byte{1, 2, 3}, Partition: 3,
	}
	f.Title = "Für «alle» – 日本語 🐘 'or' \"and\" {\\}"
	f.Questions = []form.Question{
		asked(coming, question.Choice, "yes", "no"),
		asked(colours, question.Multiple, "r", "g", "b"),
		asked(income, question.Number), asked(spent, question.Number),
		asked(cities, question.WordCloud), asked(why, question.OpenText),
		asked(stars, question.Rating), asked(day, question.Date), asked(mail, question.Email),
		asked(phone, question.Phone),
	}
	f.Questions[0].Mandatory = true
	f.Questions[5].ShowIf = &form.Condition{Question: coming, Equals: "no"}
	f.Rules = []form.Rule{{ID: tooMuch, Left: spent, Is: form.AtMost, Right: income}}
	if change != nil {
		change(&f)
	}
	require.NoError(t, f.Check(nil))
	return f
}

// created gives a form that is stored.
func created(t testing.TB, s form.Store, change func(*form.Form)) form.Form {
	t.Helper()
	f := newForm(t, change)
	require.NoError(t, s.Create(t.Context(), f))
	return f
}

func read(t testing.TB, s form.Store, id uuid.UUID) form.Form {
	t.Helper()
	f, err := s.Form(t.Context(), id)
	require.NoError(t, err)
	return f
}

func requireKind(t testing.TB, kind fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, kind), "%v is not of the kind %s", err, kind)
}

func (s Suite) forms(t *testing.T) {
	store := s.Open(t)
	all := created(t, store, func(f *form.Form) {
		f.Settings = form.Settings{
			Title: "A title", Intro: "Two\n\tlines", Email: "a@b.example", Closed: true,
			ClosesAt: now.Add(time.Hour + 125*time.Millisecond), MaxResponses: 1_000_000,
			OnePerPerson: true, Voters: access.ByPass,
		}
		f.Account = account(1)
		f.Questions[1].Help, f.Questions[1].MaxChoices = "Help\n%_", 2
		f.Questions[4].Banned = []string{"a,b", `"q"`}
		f.Questions = append(f.Questions, asked(questionID(11), form.Section))
		f.Rules[0].Message = "Too much"
	})
	least := created(t, store, func(f *form.Form) { f.Definition = form.Definition{} })
	for _, f := range []form.Form{all, least} {
		require.Equal(t, f, read(t, store, f.ID), "what is read is what was written")
		found, err := store.Find(t.Context(), f.Code)
		require.NoError(t, err)
		require.Equal(t, f, found)
	}
	requireKind(t, fault.Conflict, store.Create(t.Context(), all))
	other := newForm(t, func(f *form.Form) { f.Code = all.Code })
	requireKind(t, fault.Conflict, store.Create(t.Context(), other))
	for name, call := range map[string]func() error{
		"Form":   func() error { _, err := store.Form(t.Context(), other.ID); return err },
		"Delete": func() error { return store.Delete(t.Context(), other.ID) },
		"Edit": func() error {
			_, err := store.Edit(t.Context(), other.ID, nil)
			return err
		},
		"Counts":   func() error { _, err := store.Counts(t.Context(), other.ID); return err },
		"Response": func() error { _, err := store.Response(t.Context(), other.ID); return err },
		"Responses": func() error {
			_, err := store.Responses(t.Context(), other.ID, 0, 1)
			return err
		},
		"Each": func() error { return store.Each(t.Context(), other.ID, nil) },
		"Recount": func() error {
			_, _, err := store.Recount(t.Context(), other.ID, true)
			return err
		},
	} {
		t.Run(name+" of what is not there", func(t *testing.T) {
			requireKind(t, fault.NotFound, call())
		})
	}
	for _, code := range []string{"", "BCDFGH", "a\x00b", "\xff", "'"} {
		_, err := store.Find(t.Context(), code)
		requireKind(t, fault.NotFound, err)
	}
}

func (s Suite) owned(t *testing.T) {
	store := s.Open(t)
	var want []uuid.UUID
	for range 5 {
		f := created(t, store, func(f *form.Form) { f.Account = account(1) })
		created(t, store, func(f *form.Form) { f.Account = account(2) })
		want = append([]uuid.UUID{f.ID}, want...)
		time.Sleep(2 * time.Millisecond) // ids of one millisecond have no order
	}
	created(t, store, nil)
	for limit := 1; limit <= 6; limit++ {
		var got []uuid.UUID
		for before := uuid.Nil; ; before = got[len(got)-1] {
			page, err := store.Owned(t.Context(), account(1), before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			for _, f := range page {
				got = append(got, f.ID)
			}
		}
		require.Equal(t, want, got, "%d at a time", limit)
	}
}

func (s Suite) edits(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	one(t, store, form.Done, submit(f, form.Answers{coming: "yes", income: "5"}))
	one(t, store, form.Done, submit(f, form.Answers{coming: "no"}))
	edited, err := store.Edit(t.Context(), f.ID,
		func(f *form.Form, answered map[uuid.UUID]int64) error {
			require.Equal(t, map[uuid.UUID]int64{coming: 2, income: 1}, answered)
			f.Settings = form.Settings{
				Title: "Another", Intro: "I", Email: "c@d.example", ClosesAt: now, Closed: true,
				MaxResponses: 7, OnePerPerson: true, Voters: access.ByAccount,
			}
			f.Account = account(9)
			return f.Remove(phone)
		})
	require.NoError(t, err)
	require.EqualValues(t, 1, edited.Edits)
	require.EqualValues(t, 2, edited.Responses)
	require.Equal(t, edited, read(t, store, f.ID))
	require.Nil(t, edited.Question(phone))

	no := errors.New("no")
	_, err = store.Edit(t.Context(), f.ID, func(f *form.Form, _ map[uuid.UUID]int64) error {
		f.Title = "Never"
		return no
	})
	require.ErrorIs(t, err, no)
	require.Equal(t, edited, read(t, store, f.ID), "nothing is written")
}

func (s Suite) deleted(t *testing.T) {
	store := s.Open(t)
	f, other := created(t, store, nil), created(t, store, nil)
	answers := form.Answers{coming: "yes", cities: "Rome"}
	i, stays := submit(f, answers), submit(other, answers)
	one(t, store, form.Done, i)
	one(t, store, form.Done, submit(f, answers))
	one(t, store, form.Done, stays)
	require.NoError(t, store.Delete(t.Context(), f.ID))
	requireKind(t, fault.NotFound, store.Delete(t.Context(), f.ID))
	_, err := store.Response(t.Context(), i.ID)
	requireKind(t, fault.NotFound, err)
	one(t, store, form.FormGone, submit(f, answers))
	one(t, store, form.FormGone, withdraw(i))
	total := 0
	for erased := 1; erased > 0; total += erased {
		erased, err = store.Erase(t.Context(), 1)
		require.NoError(t, err)
		require.LessOrEqual(t, erased, 4, "one of each kind")
	}
	require.Equal(t, 2+3+1+1, total, "responses, counts, a word, and the form")
	_, err = store.Response(t.Context(), stays.ID)
	require.NoError(t, err)
	requireRecounted(t, store, other.ID, 1)
}

func (s Suite) contexts(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	i := submit(f, form.Answers{coming: "yes"})
	one(t, store, form.Done, i)
	before := read(t, store, f.ID)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Create": func() error { return store.Create(ctx, newForm(t, nil)) },
		"Form":   func() error { _, err := store.Form(ctx, f.ID); return err },
		"Find":   func() error { _, err := store.Find(ctx, f.Code); return err },
		"Owned":  func() error { _, err := store.Owned(ctx, account(1), uuid.Nil, 1); return err },
		"Edit": func() error {
			_, err := store.Edit(ctx, f.ID,
				func(*form.Form, map[uuid.UUID]int64) error { return nil })
			return err
		},
		"Delete":    func() error { return store.Delete(ctx, f.ID) },
		"Response":  func() error { _, err := store.Response(ctx, i.ID); return err },
		"Responses": func() error { _, err := store.Responses(ctx, f.ID, 0, 1); return err },
		"Each": func() error {
			return store.Each(ctx, f.ID, func(form.Response) error { return nil })
		},
		"Counts": func() error { _, err := store.Counts(ctx, f.ID); return err },
		"Words":  func() error { _, err := store.Words(ctx, f.ID, cities, 1); return err },
		"Count": func() error {
			_, err := store.Count(ctx, []int{3}, []form.Batch{batch(withdraw(i))})
			return err
		},
		"FormIDs": func() error { _, err := store.FormIDs(ctx, uuid.Nil, 1); return err },
		"Recount": func() error { _, _, err := store.Recount(ctx, f.ID, true); return err },
		"Erase":   func() error { _, err := store.Erase(ctx, 1); return err },
	} {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	require.Equal(t, before, read(t, store, f.ID), "and the store works on")
}

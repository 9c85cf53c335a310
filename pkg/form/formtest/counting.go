package formtest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
)

func submit(f form.Form, a form.Answers) form.Item {
	return form.Item{
		ID: commit.NewID(), FormID: f.ID, Action: form.Submit, Edits: f.Edits,
		At: now.UnixMilli(), Answers: a,
	}
}

// by gives the item as it is of a person.
func by(person uuid.UUID, i form.Item) form.Item {
	i.Person = person
	return i
}

// replace changes the answers of an item that was submitted, when so many changes were seen.
func replace(i form.Item, seen int64, a form.Answers) form.Item {
	i.Action, i.Seen, i.Answers = form.Replace, seen, a
	i.Keyed, i.Person = false, uuid.Nil
	i.At += 1000
	return i
}

func withdraw(i form.Item) form.Item {
	i.Action, i.Answers, i.Seen, i.Keyed, i.Person = form.Withdraw, nil, 0, false, uuid.Nil
	return i
}

func batch(items ...form.Item) form.Batch {
	return form.Batch{ID: commit.NewID(), Partition: 3, Items: items}
}

func count(t testing.TB, store form.Store, batches ...form.Batch) form.Outcome {
	t.Helper()
	o, err := store.Count(t.Context(), []int{3}, batches)
	require.NoError(t, err)
	return o
}

// one counts an item alone, and requires its verdict.
func one(t testing.TB, store form.Store, want form.Verdict, i form.Item) {
	t.Helper()
	require.Equal(t, [][]form.Verdict{{want}}, count(t, store, batch(i)).Verdicts)
}

func requireRecounted(t testing.TB, store form.Store, id uuid.UUID, responses int64) {
	t.Helper()
	kept, rows, err := store.Recount(t.Context(), id, false)
	require.NoError(t, err)
	require.Equal(t, kept, rows)
	require.Equal(t, responses, rows.Responses)
}

func response(t testing.TB, store form.Store, id uuid.UUID) form.Response {
	t.Helper()
	r, err := store.Response(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, r.ID)
	return r
}

func place(id uuid.UUID, key string) form.Place {
	return form.Place{Question: id, Key: key}
}

func counts(t testing.TB, store form.Store, id uuid.UUID) form.Tally {
	t.Helper()
	tally, err := store.Counts(t.Context(), id)
	require.NoError(t, err)
	return tally
}

func (s Suite) responses(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	require.Equal(t, form.Tally{Numbers: form.Numbers{Counts: form.Counts{}}},
		counts(t, store, f.ID))
	all := submit(f, form.Answers{
		coming: "no", colours: "r\nb", income: "-2000.5", spent: "1000.25",
		cities: "Rome\nÜber «»", why: "Two\u2028lines \"'\\ 🐘", stars: "4",
		day: "2024-02-29", mail: "a@b.example", phone: "+41791234567",
	})
	o := count(t, store, batch(all, submit(f, form.Answers{coming: "yes", income: "0.000001"})))
	require.Equal(t, [][]form.Verdict{{form.Done, form.Done}}, o.Verdicts)
	require.Equal(t, []bus.Change{{Thing: f.ID, Part: f.ID, Revision: 1}}, o.Changed)
	require.Equal(t, form.Response{
		ID: all.ID, FormID: f.ID, Number: 1, At: now.UnixMilli(), Answers: all.Answers,
		Flags: []uuid.UUID{tooMuch},
	}, response(t, store, all.ID))
	want := form.Numbers{Responses: 2, Counts: form.Counts{
		place(coming, ""): 2, place(coming, "yes"): 1, place(coming, "no"): 1,
		place(colours, ""): 1, place(colours, "r"): 1, place(colours, "b"): 1,
		place(income, ""): 2, place(income, "high"): -2, place(income, "low"): -499_999,
		place(spent, ""): 1, place(spent, "high"): 1, place(spent, "low"): 250_000,
		place(cities, ""): 1, place(why, ""): 1, place(stars, ""): 1, place(stars, "4"): 1,
		place(day, ""): 1, place(mail, ""): 1, place(phone, ""): 1,
	}}
	require.Equal(t, form.Tally{Revision: 1, Numbers: want}, counts(t, store, f.ID),
		"but those that are 0")
	now := read(t, store, f.ID)
	require.EqualValues(t, 2, now.Responses)
	require.EqualValues(t, 2, now.Numbered)
	require.EqualValues(t, 1, now.Revision)
	requireRecounted(t, store, f.ID, 2)
}

func (s Suite) verdicts(t *testing.T) {
	store := s.Open(t)
	yes := form.Answers{coming: "yes"}
	one(t, store, form.FormGone, submit(newForm(t, nil), yes))
	t.Run("a form that was closed by hand", func(t *testing.T) {
		f := created(t, store, nil)
		i := submit(f, yes)
		one(t, store, form.Done, i)
		_, err := store.Edit(t.Context(), f.ID, func(f *form.Form, _ map[uuid.UUID]int64) error {
			f.Closed = true
			return nil
		})
		require.NoError(t, err)
		one(t, store, form.FormClosed, submit(f, yes))
		no := replace(i, 0, form.Answers{coming: "no"})
		one(t, store, form.FormClosed, no)
		no.Owner = true
		one(t, store, form.Done, no)
		one(t, store, form.Done, withdraw(i))
		requireRecounted(t, store, f.ID, 0)
	})
	t.Run("a form is closed from its time on, by the time of the item", func(t *testing.T) {
		f := created(t, store, func(f *form.Form) { f.ClosesAt = now })
		one(t, store, form.FormClosed, submit(f, yes))
		early := submit(f, yes)
		early.At--
		one(t, store, form.Done, early)
	})
	t.Run("a response is of one form", func(t *testing.T) {
		f, other := created(t, store, nil), created(t, store, nil)
		i := submit(f, yes)
		one(t, store, form.Done, i)
		i.FormID = other.ID
		one(t, store, form.ResponseGone, replace(i, 0, form.Answers{coming: "no"}))
		one(t, store, form.ResponseGone, withdraw(i))
		one(t, store, form.ResponseGone, withdraw(submit(f, yes)))
		requireRecounted(t, store, f.ID, 1)
		requireRecounted(t, store, other.ID, 0)
	})
	t.Run("all in one transaction, in the log's order", func(t *testing.T) {
		f := created(t, store, func(f *form.Form) { f.MaxResponses = 2 })
		a, b, c := submit(f, yes), submit(f, yes), submit(f, yes)
		o := count(t, store, batch(a, b, c), batch(replace(a, 0, form.Answers{coming: "no"}),
			withdraw(b), c, withdraw(b)))
		require.Equal(t, [][]form.Verdict{
			{form.Done, form.Done, form.FormFull},
			{form.Done, form.Done, form.Done, form.ResponseGone},
		}, o.Verdicts)
		require.Equal(t, form.Answers{coming: "no"}, response(t, store, a.ID).Answers)
		require.EqualValues(t, 3, response(t, store, c.ID).Number, "no number is given twice")
		_, err := store.Response(t.Context(), b.ID)
		requireKind(t, fault.NotFound, err)
		requireRecounted(t, store, f.ID, 2)
	})
}

func (s Suite) persons(t *testing.T) {
	store := s.Open(t)
	yes := form.Answers{coming: "yes"}
	f := created(t, store, func(f *form.Form) { f.OnePerPerson = true })
	first := by(account(1), submit(f, yes))
	one(t, store, form.Outdated, submit(f, yes))
	one(t, store, form.Done, first)
	one(t, store, form.RespondedBefore, by(account(1), submit(f, yes)))
	o := count(t, store, batch(by(account(2), submit(f, yes)), by(account(2), submit(f, yes)),
		by(account(3), submit(f, yes))))
	require.Equal(t, [][]form.Verdict{{form.Done, form.RespondedBefore, form.Done}}, o.Verdicts)
	require.Equal(t, account(1), response(t, store, first.ID).Person)
	one(t, store, form.Done, withdraw(first))
	one(t, store, form.Done, by(account(1), submit(f, yes)))
	o = count(t, store, batch(by(account(1), submit(f, yes))),
		batch(by(account(4), submit(f, yes))))
	require.Equal(t, [][]form.Verdict{{form.RespondedBefore}, {form.Done}}, o.Verdicts)
	other := created(t, store, nil)
	for range 2 { // there is no such bound
		one(t, store, form.Done, by(account(1), submit(other, yes)))
	}
	requireRecounted(t, store, f.ID, 4)
}

func (s Suite) changes(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	i := submit(f, form.Answers{coming: "yes", income: "10", cities: "Rome"})
	one(t, store, form.Done, i)
	after := form.Answers{coming: "no", income: "10", spent: "11", cities: "Rome\nParis"}
	one(t, store, form.ResponseChanged, replace(i, 1, after))
	one(t, store, form.Done, replace(i, 0, after))
	want := form.Response{
		ID: i.ID, FormID: f.ID, Number: 1, At: i.At, Changed: i.At + 1000, Edits: 1,
		Answers: after, Flags: []uuid.UUID{tooMuch},
	}
	require.Equal(t, want, response(t, store, i.ID))
	one(t, store, form.ResponseChanged, replace(i, 0, i.Answers))
	requireRecounted(t, store, f.ID, 1)
	revision := read(t, store, f.ID).Revision
	one(t, store, form.Done, replace(i, 1, after))
	require.Equal(t, want, response(t, store, i.ID), "the same again changes nothing")
	require.Equal(t, revision, read(t, store, f.ID).Revision)
	one(t, store, form.Done, replace(i, 1, i.Answers))
	require.Empty(t, response(t, store, i.ID).Flags)
	requireRecounted(t, store, f.ID, 1)
	one(t, store, form.Done, withdraw(i))
	one(t, store, form.ResponseGone, replace(i, 2, after))
	require.Empty(t, counts(t, store, f.ID).Counts)
	requireRecounted(t, store, f.ID, 0)
}

func (s Suite) outdated(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	before := submit(f, form.Answers{coming: "no", why: "So", colours: "r"})
	one(t, store, form.Done, before)
	_, err := store.Edit(t.Context(), f.ID, func(f *form.Form, _ map[uuid.UUID]int64) error {
		return errOr(f.Remove(phone), f.Change(colours, func(q *form.Question) error {
			q.Closed = true
			return nil
		}), f.Change(why, func(q *form.Question) error {
			q.ShowIf.Equals = "yes"
			return nil
		}))
	})
	require.NoError(t, err)
	one(t, store, form.Outdated, submit(f, form.Answers{coming: "yes", phone: "+41791234567"}))
	one(t, store, form.Outdated, submit(f, form.Answers{coming: "yes", colours: "r"}))
	hidden := submit(f, form.Answers{coming: "no", why: "So"})
	one(t, store, form.Done, hidden)
	require.Equal(t, form.Answers{coming: "no"}, response(t, store, hidden.ID).Answers,
		"an answer to a question that is hidden now is dropped")
	one(t, store, form.Done, replace(before, 0, form.Answers{coming: "yes", colours: "r"}))
	one(t, store, form.Outdated, replace(before, 1, form.Answers{coming: "yes", colours: "g"}))
	one(t, store, form.Done, replace(before, 1, form.Answers{coming: "no"}))
	require.Equal(t, form.Answers{coming: "no", colours: "r"},
		response(t, store, before.ID).Answers, "the answer to a closed question stays")
	requireRecounted(t, store, f.ID, 2)
}

func errOr(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

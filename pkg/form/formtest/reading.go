package formtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/question"
)

// errStop is what a reader says that has seen enough.
var errStop = errors.New("enough")

func (s Suite) retries(t *testing.T) {
	store := s.Open(t)
	yes := form.Answers{coming: "yes"}
	t.Run("a batch that comes again has no effect", func(t *testing.T) {
		f := created(t, store, nil)
		i := submit(f, yes)
		first, second := batch(i), batch(withdraw(i))
		count(t, store, first, second)
		o := count(t, store, first, batch(submit(f, yes)), first)
		require.Equal(t, [][]form.Verdict{nil, {form.Done}, nil}, o.Verdicts)
		requireRecounted(t, store, f.ID, 1)
	})
	t.Run("an item with a key has its effect once, and its answer again", func(t *testing.T) {
		f := created(t, store, nil)
		i := submit(f, yes)
		i.Keyed = true
		o := count(t, store, batch(i, i), batch(i))
		require.Equal(t, [][]form.Verdict{{form.Done, form.Done}, {form.Done}}, o.Verdicts)
		one(t, store, form.Done, i)
		requireRecounted(t, store, f.ID, 1)
		one(t, store, form.Done, withdraw(i))
		one(t, store, form.Done, i)
		requireRecounted(t, store, f.ID, 0)
	})
	t.Run("an item with a key whose id was forgotten is known as long as it stands",
		func(t *testing.T) {
			f := created(t, store, func(f *form.Form) { f.MaxResponses = 1 })
			i := submit(f, yes)
			i.Keyed = true
			one(t, store, form.Done, i)
			s.Exec(t, store, `DELETE FROM batches WHERE id = ?`, i.ID)
			one(t, store, form.Done, i)
			requireRecounted(t, store, f.ID, 1)
		})
	t.Run("an item with a key that was refused is decided anew", func(t *testing.T) {
		f := created(t, store, func(f *form.Form) { f.MaxResponses = 1 })
		first, i := submit(f, yes), submit(f, yes)
		i.Keyed = true
		one(t, store, form.Done, first)
		one(t, store, form.FormFull, i)
		one(t, store, form.Done, withdraw(first))
		one(t, store, form.Done, i)
		requireRecounted(t, store, f.ID, 1)
	})
	t.Run("what an operator puts back is kept once", func(t *testing.T) {
		f := created(t, store, nil)
		i := submit(f, yes)
		one(t, store, form.Done, i)
		again := batch(i, submit(f, yes))
		again.Replayed = true
		require.Equal(t, [][]form.Verdict{{form.Done, form.Done}}, count(t, store, again).Verdicts)
		requireRecounted(t, store, f.ID, 2)
	})
	t.Run("of a batch that was halved the id is left", func(t *testing.T) {
		f := created(t, store, nil)
		whole := batch(submit(f, yes))
		o := count(t, store, form.Batch{ID: whole.ID, Partition: 3})
		require.Equal(t, [][]form.Verdict{nil}, o.Verdicts)
		require.Nil(t, count(t, store, whole).Verdicts[0])
		requireRecounted(t, store, f.ID, 0)
	})
}

func (s Suite) words(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, nil)
	var items []form.Item
	for _, text := range []question.Answer{
		"Rome", "ROME!", "rome\nParis", "ROME!", "Oslo", "Ünal\nParis",
	} {
		items = append(items, submit(f, form.Answers{coming: "yes", cities: text}))
	}
	count(t, store, batch(items...))
	words := func(limit int) []form.Word {
		all, err := store.Words(t.Context(), f.ID, cities, limit)
		require.NoError(t, err)
		return all
	}
	all := []form.Word{
		{Word: "rome", Text: "ROME!", Count: 4}, {Word: "paris", Text: "Paris", Count: 2},
		{Word: "oslo", Text: "Oslo", Count: 1}, {Word: "ünal", Text: "Ünal", Count: 1},
	}
	for limit := 1; limit <= 5; limit++ {
		require.Equal(t, all[:min(limit, 4)], words(limit))
	}
	one(t, store, form.Done, withdraw(items[4]))
	one(t, store, form.Done, replace(items[1], 0, form.Answers{coming: "yes", cities: "Rome"}))
	require.Equal(t, []form.Word{
		{Word: "rome", Text: "Rome", Count: 4}, {Word: "paris", Text: "Paris", Count: 2},
		{Word: "ünal", Text: "Ünal", Count: 1},
	}, words(9))
	requireRecounted(t, store, f.ID, 5)
	none, err := store.Words(t.Context(), f.ID, coming, 9)
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s Suite) reading(t *testing.T) {
	store := s.Open(t)
	f, other := created(t, store, nil), created(t, store, nil)
	var want []uuid.UUID
	for i := range 7 {
		item := submit(f, form.Answers{coming: "yes"})
		item.At += int64(time.Duration(i) * time.Second / time.Millisecond)
		one(t, store, form.Done, item)
		one(t, store, form.Done, submit(other, form.Answers{coming: "no"}))
		want = append([]uuid.UUID{item.ID}, want...)
	}
	for limit := 1; limit <= 8; limit++ {
		var got []uuid.UUID
		for before := int64(0); ; {
			page, err := store.Responses(t.Context(), f.ID, before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				require.Equal(t, f.ID, r.FormID)
				require.Equal(t, form.Answers{coming: "yes"}, r.Answers)
				got, before = append(got, r.ID), r.Number
			}
		}
		require.Equal(t, want, got, "%d at a time", limit)
	}
	var numbers []int64
	require.NoError(t, store.Each(t.Context(), f.ID, func(r form.Response) error {
		numbers = append(numbers, r.Number)
		return nil
	}))
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7}, numbers)
	err := store.Each(t.Context(), f.ID, func(r form.Response) error {
		if r.Number == 3 {
			return errStop
		}
		return nil
	})
	require.ErrorIs(t, err, errStop)
}

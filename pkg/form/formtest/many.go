package formtest

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/work"
)

// bounded has many call at once for a form that takes fewer, while its owner edits it.
func (s Suite) bounded(t *testing.T) {
	store := s.Open(t)
	f := created(t, store, func(f *form.Form) { f.MaxResponses = 50 })
	const callers, calls = 8, 10
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[form.Verdict]int{}
	for range callers {
		all.Go(func() {
			for i := range calls {
				o, err := store.Count(t.Context(), []int{3}, []form.Batch{batch(
					submit(f, form.Answers{coming: "yes", cities: "Rome"}),
					submit(f, form.Answers{coming: "no", income: "5"}))})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, v := range o.Verdicts[0] {
					got[v]++
				}
				mu.Unlock()
				if i == calls/2 {
					_, err := store.Edit(t.Context(), f.ID,
						func(f *form.Form, _ map[uuid.UUID]int64) error {
							f.Title += "!"
							return nil
						})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, map[form.Verdict]int{
		form.Done: 50, form.FormFull: 2*callers*calls - 50,
	}, got)
	after := read(t, store, f.ID)
	require.True(t, after.Full())
	require.EqualValues(t, 50, after.Responses)
	require.EqualValues(t, 50, after.Numbered)
	require.EqualValues(t, callers, after.Edits)
	var numbers []int64
	require.NoError(t, store.Each(t.Context(), f.ID, func(r form.Response) error {
		numbers = append(numbers, r.Number)
		return nil
	}))
	for i, n := range numbers {
		require.EqualValues(t, i+1, n, "no gap and no double")
	}
	requireRecounted(t, store, f.ID, 50)
}

// drawn draws answers.
func drawn(r *rapid.T) form.Answers {
	of := func(name string, all ...question.Answer) question.Answer {
		return rapid.SampledFrom(all).Draw(r, name)
	}
	a := form.Answers{
		coming: of("coming", "yes", "no"), colours: of("colours", "", "r", "g\nb", "r\ng\nb"),
		income: of("income", "", "1", "-0.5", "1000000000000", "-1000000000000"),
		spent:  of("spent", "", "0", "7.25"), cities: of("cities", "", "Rome", "ROME\nParis"),
		stars: of("stars", "", "1", "5"),
	}
	maps.DeleteFunc(a, func(_ uuid.UUID, a question.Answer) bool { return a == "" })
	return a
}

// property draws batches, some of which come again, and holds the store to a plain map.
func (s Suite) property(t *testing.T) {
	store := s.Open(t)
	rapid.Check(t, func(r *rapid.T) {
		f := newForm(t, nil)
		require.NoError(r, store.Create(t.Context(), f))
		var known []form.Item
		var sent []form.Batch
		stands, edits := map[uuid.UUID]form.Answers{}, map[uuid.UUID]int64{}
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			if len(sent) > 0 && rapid.Bool().Draw(r, "again") {
				old := sent[rapid.IntRange(0, len(sent)-1).Draw(r, "which")]
				_, err := store.Count(t.Context(), []int{3}, []form.Batch{old})
				require.NoError(r, err)
				continue
			}
			var items []form.Item
			for range rapid.IntRange(1, 8).Draw(r, "items") {
				i := submit(f, drawn(r))
				i.Keyed = rapid.Bool().Draw(r, "keyed")
				if len(known) > 0 && rapid.Bool().Draw(r, "of another") {
					was := known[rapid.IntRange(0, len(known)-1).Draw(r, "whose")]
					switch rapid.IntRange(0, 2).Draw(r, "action") {
					case 0:
						i = withdraw(was)
						delete(stands, i.ID)
					case 1:
						i = replace(was, edits[was.ID], i.Answers)
						if old, ok := stands[i.ID]; ok && !maps.Equal(old, i.Answers) {
							stands[i.ID] = i.Answers
							edits[i.ID]++
						}
					default:
						i = was
						i.Keyed = true // a retry
						if !was.Keyed {
							continue
						}
					}
				} else {
					known = append(known, i)
					stands[i.ID] = i.Answers
				}
				items = append(items, i)
			}
			if len(items) == 0 {
				continue
			}
			sent = append(sent, batch(items...))
			_, err := store.Count(t.Context(), []int{3}, sent[len(sent)-1:])
			require.NoError(r, err)
		}
		got := map[uuid.UUID]form.Answers{}
		require.NoError(r, store.Each(t.Context(), f.ID, func(one form.Response) error {
			got[one.ID] = one.Answers
			require.Equal(r, edits[one.ID], one.Edits)
			return nil
		}))
		require.Equal(r, stands, got)
		kept, rows, err := store.Recount(t.Context(), f.ID, false)
		require.NoError(r, err)
		require.Equal(r, kept, rows)
		require.EqualValues(r, len(stands), rows.Responses)
	})
}

func (s Suite) recounts(t *testing.T) {
	store := s.Open(t)
	recount := func(repair bool) (n int, found []work.Difference) {
		n, err := form.NewRecounter(store).Recount(t.Context(), repair, func(d work.Difference) {
			found = append(found, d)
		})
		require.NoError(t, err)
		return n, found
	}
	n, found := recount(true)
	require.Zero(t, n)
	require.Empty(t, found, "there is nothing to compare")
	wrong, right := created(t, store, nil), created(t, store, nil)
	one(t, store, form.Done, submit(wrong, form.Answers{coming: "yes", cities: "Rome"}))
	one(t, store, form.Done, submit(right, form.Answers{coming: "no"}))
	before := read(t, store, right.ID)
	for _, c := range []struct {
		name, statement, what string
		tally, rows           []int64
	}{
		{"responses", `UPDATE forms SET responses = 7 WHERE id = ?`, "responses",
			[]int64{7}, []int64{1}},
		{"counts", `UPDATE form_counts SET n = n + 2 WHERE form_id = ? AND key = 'yes'`,
			"responses, and counts of answers that differ (1)", []int64{1, 3}, []int64{1, 1}},
		{"counts that are gone", `DELETE FROM form_counts WHERE form_id = ?`,
			"responses, and counts of answers that differ (3)",
			[]int64{1, 0, 0, 0}, []int64{1, 1, 1, 1}},
		{"words", `UPDATE form_words SET spelling = 'rome' WHERE form_id = ?`,
			"responses, and counts of answers that differ (2)",
			[]int64{1, 0, 1}, []int64{1, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Exec(t, store, c.statement, wrong.ID)
			revision := read(t, store, wrong.ID).Revision
			want := work.Difference{Thing: wrong.ID, What: c.what, Tally: c.tally, Rows: c.rows}
			for range 2 { // what is asked alone changes nothing
				n, found := recount(false)
				require.Equal(t, 2, n)
				require.Equal(t, []work.Difference{want}, found)
			}
			_, found := recount(true)
			want.Mended = true
			require.Equal(t, []work.Difference{want}, found)
			requireRecounted(t, store, wrong.ID, 1)
			require.Equal(t, revision+1, read(t, store, wrong.ID).Revision, "people see it")
			_, found = recount(true)
			require.Empty(t, found)
		})
	}
	require.Equal(t, before, read(t, store, right.ID))
	t.Run("a few at a time", func(t *testing.T) {
		var seen []uuid.UUID
		for after := uuid.Nil; ; after = seen[len(seen)-1] {
			ids, err := store.FormIDs(t.Context(), after, 1)
			require.NoError(t, err)
			if len(ids) == 0 {
				break
			}
			seen = append(seen, ids...)
		}
		require.ElementsMatch(t, []uuid.UUID{wrong.ID, right.ID}, seen)
		require.True(t, slices.IsSortedFunc(seen, func(a, b uuid.UUID) int {
			return slices.Compare(a[:], b[:])
		}))
	})
}

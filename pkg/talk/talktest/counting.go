package talktest

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/work"
)

func person(n byte) uuid.UUID { return uuid.UUID{0: 0xaa, 15: n} }

func rating(of talk.Talk, who uuid.UUID, value int) talk.Rating {
	return talk.Rating{ID: commit.NewID(), TalkID: of.ID, Person: who, Value: value}
}

func commented(of talk.Talk, who uuid.UUID, value int, comment string) talk.Rating {
	r := rating(of, who, value)
	r.Comment = comment
	return r
}

func batch(ratings ...talk.Rating) talk.Batch {
	return talk.Batch{ID: commit.NewID(), Ratings: ratings}
}

// count counts ratings as one batch.
func (s Suite) count(t testing.TB, store talk.Store, ratings ...talk.Rating) talk.Outcome {
	t.Helper()
	return count(t, store, batch(ratings...))
}

func count(t testing.TB, store talk.Store, batches ...talk.Batch) talk.Outcome {
	t.Helper()
	o, err := store.Count(t.Context(), []int{3}, batches)
	require.NoError(t, err)
	return o
}

func requireRecounted(t testing.TB, store talk.Store, id uuid.UUID, want talk.Tally) {
	t.Helper()
	require.Equal(t, want, read(t, store, id).Tally)
	tally, rows, err := store.Recount(t.Context(), id, false)
	require.NoError(t, err)
	require.Equal(t, want, tally)
	require.Equal(t, want, rows)
}

func (s Suite) counting(t *testing.T) {
	store := s.Open(t)
	t.Run("the workshop's numbers", func(t *testing.T) {
		one := created(t, store, nil)
		o := s.count(t, store, rating(one, person(0), 5))
		require.Equal(t, [][]talk.Verdict{{talk.Counted}}, o.Verdicts)
		require.Equal(t, []bus.Change{
			{Thing: one.ID, Part: one.ID, Revision: 1},
			{Thing: talk.Programme, Part: one.ID, Revision: 1},
		}, o.Changed)
		requireRecounted(t, store, one.ID, talk.Tally{4: 1})
		var more []talk.Rating
		for value := 1; value <= 5; value++ {
			more = append(more, rating(one, person(byte(value)), value))
		}
		s.count(t, store, more...)
		requireRecounted(t, store, one.ID, talk.Tally{1, 1, 1, 1, 2})
		require.Equal(t, int64(2), read(t, store, one.ID).Revision)
	})
	t.Run("the last of a person's stands", func(t *testing.T) {
		one := created(t, store, nil)
		s.count(
			t,
			store,
			rating(one, person(1), 1),
			rating(one, person(2), 2),
			rating(one, person(1), 4),
		)
		requireRecounted(t, store, one.ID, talk.Tally{1: 1, 3: 1})
		s.count(t, store, rating(one, person(1), 5))
		requireRecounted(t, store, one.ID, talk.Tally{1: 1, 4: 1})
		o := s.count(t, store, rating(one, person(1), 5))
		require.Empty(t, o.Changed, "the same again changes nothing")
		require.Equal(t, [][]talk.Verdict{{talk.Counted}}, o.Verdicts)
	})
	t.Run("a batch that comes again has no effect", func(t *testing.T) {
		one := created(t, store, nil)
		first, second := batch(rating(one, person(1), 1)), batch(rating(one, person(1), 2))
		count(t, store, first, second)
		o := count(t, store, first, batch(rating(one, person(2), 5)), first)
		require.Nil(t, o.Verdicts[0])
		require.Equal(t, []talk.Verdict{talk.Counted}, o.Verdicts[1])
		require.Nil(t, o.Verdicts[2])
		requireRecounted(t, store, one.ID, talk.Tally{1: 1, 4: 1})
	})
	t.Run("a rating whose key was counted has no effect", func(t *testing.T) {
		one := created(t, store, nil)
		key := uuid.New()
		keyed := func(value int) talk.Rating {
			r := rating(one, person(1), value)
			r.Key = key
			return r
		}
		counted, err := store.HasCounted(t.Context(), key)
		require.NoError(t, err)
		require.False(t, counted)
		s.count(t, store, keyed(3), keyed(2))
		requireRecounted(t, store, one.ID, talk.Tally{2: 1})
		s.count(t, store, rating(one, person(1), 5))
		o := s.count(t, store, keyed(3))
		require.Equal(t, [][]talk.Verdict{{talk.Counted}}, o.Verdicts, "the first answer again")
		requireRecounted(t, store, one.ID, talk.Tally{4: 1})
		counted, err = store.HasCounted(t.Context(), key)
		require.NoError(t, err)
		require.True(t, counted)
	})
	t.Run("a replayed rating counts only for who has none", func(t *testing.T) {
		one := created(t, store, nil)
		s.count(t, store, rating(one, person(1), 5))
		replayed := batch(
			rating(one, person(1), 1),
			rating(one, person(2), 2),
			rating(one, person(2), 3),
		)
		replayed.Replayed = true
		count(t, store, replayed)
		requireRecounted(t, store, one.ID, talk.Tally{1: 1, 4: 1})
	})
	t.Run("of a batch that was halved the id is left", func(t *testing.T) {
		one := created(t, store, nil)
		whole := batch(rating(one, person(1), 5))
		o := count(t, store, talk.Batch{ID: whole.ID})
		require.Equal(t, [][]talk.Verdict{nil}, o.Verdicts)
		require.Nil(t, count(t, store, whole).Verdicts[0])
		requireRecounted(t, store, one.ID, talk.Tally{})
	})
	t.Run("several talks and partitions in one transaction", func(t *testing.T) {
		a := created(t, store, func(x *talk.Talk) { x.Partition = 1 })
		b := created(t, store, nil)
		gone := newTalk(t, nil)
		o, err := store.Count(t.Context(), []int{1, 3}, []talk.Batch{
			batch(
				rating(b, person(1), 2),
				rating(gone, person(1), 1),
			), batch(rating(a, person(1), 1)),
			batch(rating(b, person(1), 3)),
		})
		require.NoError(t, err)
		require.Equal(t, [][]talk.Verdict{
			{talk.Counted, talk.Gone}, {talk.Counted}, {talk.Counted},
		}, o.Verdicts)
		require.Len(t, o.Changed, 4)
		requireRecounted(t, store, a.ID, talk.Tally{0: 1})
		requireRecounted(t, store, b.ID, talk.Tally{2: 1})
	})
	t.Run("who was told apart by a client's own id is noted", func(t *testing.T) {
		one := created(t, store, nil)
		strong := rating(one, person(1), 5)
		strong.Passed = true
		s.count(t, store, strong)
		require.False(t, read(t, store, one.ID).Weak)
		s.count(t, store, rating(one, person(1), 5))
		require.True(t, read(t, store, one.ID).Weak)
	})
	t.Run("who was told apart by no account is noted", func(t *testing.T) {
		one := created(t, store, func(x *talk.Talk) { x.Voters = access.ByAccount })
		account := rating(one, person(1), 5)
		account.Passed, account.LoggedIn = true, true
		s.count(t, store, account)
		require.Equal(t, access.LoggedIn, new(read(t, store, one.ID)).Identity())
		pass := rating(one, person(2), 5)
		pass.Passed = true
		s.count(t, store, pass)
		require.Equal(t, access.Passed, new(read(t, store, one.ID)).Identity())
		_, _, err := store.Recount(t.Context(), one.ID, true)
		require.NoError(t, err)
		require.Equal(t, access.Passed, new(read(t, store, one.ID)).Identity())
	})
}

// concurrency has many count and edit at once, each talk from several goroutines.
func (s Suite) concurrency(t *testing.T) {
	store := s.Open(t)
	talks := []talk.Talk{created(t, store, nil), created(t, store, nil), created(t, store, nil)}
	const callers, calls = 6, 15
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range calls {
				var ratings []talk.Rating
				for k := range talks { // in another order each time
					of := talks[(k+c)%len(talks)]
					ratings = append(ratings,
						rating(of, person(byte(i)), 1+(c+i)%5), rating(of, commit.NewID(), 3))
				}
				_, err := store.Count(t.Context(), []int{c % 4}, []talk.Batch{batch(ratings...)})
				if err != nil {
					t.Error(err)
				}
				_, err = store.Edit(
					t.Context(),
					talks[i%3].ID,
					func(*talk.Talk) error { return nil },
				)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, one := range talks {
		now := read(t, store, one.ID)
		require.EqualValues(t, calls+callers*calls, now.Count())
		requireRecounted(t, store, one.ID, now.Tally)
		require.EqualValues(t, callers*calls/3, now.Edits)
	}
}

// property draws batches, some of which come again, and holds the store to a plain map.
func (s Suite) property(t *testing.T) {
	store := s.Open(t)
	rapid.Check(t, func(r *rapid.T) {
		one := newTalk(t, nil)
		require.NoError(r, store.Create(t.Context(), one))
		stands, keys, sent := map[uuid.UUID]int{}, map[uuid.UUID]bool{}, []talk.Batch(nil)
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			if len(sent) > 0 && rapid.Bool().Draw(r, "again") {
				old := sent[rapid.IntRange(0, len(sent)-1).Draw(r, "which")]
				_, err := store.Count(t.Context(), []int{3}, []talk.Batch{old})
				require.NoError(r, err)
				continue
			}
			var ratings []talk.Rating
			for range rapid.IntRange(1, 8).Draw(r, "ratings") {
				who := person(rapid.ByteRange(0, 3).Draw(r, "who"))
				x := rating(one, who, rapid.IntRange(1, 5).Draw(r, "value"))
				if rapid.Bool().Draw(r, "keyed") {
					x.Key = uuid.NewSHA1(
						one.ID,
						append(who[:], rapid.ByteRange(0, 2).Draw(r, "key")),
					)
				}
				if x.Key == uuid.Nil || !keys[x.Key] {
					stands[who] = x.Value
				}
				keys[x.Key] = true
				ratings = append(ratings, x)
			}
			b := batch(ratings...)
			sent = append(sent, b)
			_, err := store.Count(t.Context(), []int{3}, []talk.Batch{b})
			require.NoError(r, err)
		}
		var want talk.Tally
		for _, value := range stands {
			want[value-1]++
		}
		tally, rows, err := store.Recount(t.Context(), one.ID, false)
		require.NoError(r, err)
		require.Equal(r, want, tally)
		require.Equal(r, want, rows)
	})
}

func (s Suite) recounts(t *testing.T) {
	store := s.Open(t)
	recount := func(repair bool) (n int, found []work.Difference) {
		n, err := talk.NewRecounter(store).Recount(t.Context(), repair, func(d work.Difference) {
			found = append(found, d)
		})
		require.NoError(t, err)
		return n, found
	}
	n, found := recount(true)
	require.Zero(t, n)
	require.Empty(t, found, "there is nothing to compare")
	wrong, right := created(t, store, nil), created(t, store, nil)
	s.count(t, store, rating(wrong, person(1), 5), rating(right, person(1), 4))
	s.Exec(t, store, `UPDATE talks SET fives = 7, ones = 2 WHERE id = `, wrong.ID)
	before := read(t, store, right.ID)
	want := work.Difference{
		Thing: wrong.ID, What: "ratings of 1 to 5", Tally: []int64{2, 0, 0, 0, 7},
		Rows: []int64{0, 0, 0, 0, 1},
	}
	for range 2 {
		tally, rows, err := store.Recount(t.Context(), wrong.ID, false)
		require.NoError(t, err)
		require.Equal(t, talk.Tally{0: 2, 4: 7}, tally, "what is asked alone changes nothing")
		require.Equal(t, talk.Tally{4: 1}, rows)
		n, found = recount(false)
		require.Equal(t, 2, n)
		require.Equal(t, []work.Difference{want}, found)
	}
	n, found = recount(true)
	require.Equal(t, 2, n)
	want.Mended = true
	require.Equal(t, []work.Difference{want}, found)
	requireRecounted(t, store, wrong.ID, talk.Tally{4: 1})
	require.EqualValues(t, 2, read(t, store, wrong.ID).Revision, "people see it")
	require.Equal(t, before, read(t, store, right.ID))
	_, found = recount(true)
	require.Empty(t, found)
	s.count(t, store, rating(wrong, person(1), 2))
	requireRecounted(t, store, wrong.ID, talk.Tally{1: 1})
}

package polltest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Ageing gives the suite what no call of a store does. age has the use of a presentation noted so
// long ago. rows counts the rows of a table that are of a presentation or a poll.
func Ageing(age func(t *testing.T, s Store, id uuid.UUID, age time.Duration),
	rows func(t *testing.T, s Store, table string, id uuid.UUID) int,
) Capability {
	return func(s *suite) { s.age, s.rows = age, rows }
}

const day = 24 * time.Hour

func (s *suite) expiry(t *testing.T) {
	store := s.store(t)
	unused := func(t *testing.T, store Store, age time.Duration) []uuid.UUID {
		t.Helper()
		ids, err := store.Unused(t.Context(), age, 1000)
		require.NoError(t, err)
		return ids
	}
	expire := func(t *testing.T, id uuid.UUID, age time.Duration) bool {
		t.Helper()
		expired, err := store.Expire(t.Context(), id, age)
		require.NoError(t, err)
		return expired
	}
	t.Run("use is noted at creation, and by who reads what is displayed, moves and edits",
		func(t *testing.T) {
			p := created(t, store)
			for name, use := range map[string]func(){
				"creation": func() {},
				"a look": func() {
					_, err := store.Display(t.Context(), p.ID)
					require.NoError(t, err)
				},
				"a transition": func() { show(t, store, p, 0) },
				"an edit": func() {
					_, err := store.Edit(t.Context(), p.ID,
						poll.EditPresentation{Title: new("another")})
					require.NoError(t, err)
				},
			} {
				if name != "creation" {
					s.age(t, store, p.ID, poll.UseNoted+time.Hour)
					require.Contains(t, unused(t, store, day), p.ID)
				}
				use()
				require.NotContains(t, unused(t, store, time.Hour), p.ID, name)
				require.False(t, expire(t, p.ID, time.Hour), name)
			}
			_, _, err := store.Presentation(t.Context(), p.ID)
			require.NoError(t, err)
		})

	t.Run("use that was noted within a day is not written again", func(t *testing.T) {
		p := created(t, store)
		s.age(t, store, p.ID, poll.UseNoted-time.Hour)
		_, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		show(t, store, p, 0)
		require.Contains(t, unused(t, store, poll.UseNoted-2*time.Hour), p.ID)
	})

	t.Run("the longest unused come first", func(t *testing.T) {
		old := make([]uuid.UUID, 3)
		for i := range old {
			old[i] = created(t, store).ID
			s.age(t, store, old[i], time.Duration(1000-i)*day)
		}
		ids, err := store.Unused(t.Context(), 900*day, 2)
		require.NoError(t, err)
		require.Equal(t, old[:2], ids)
		require.Empty(t, unused(t, store, 2000*day))
	})

	t.Run("one that expires is gone at once, and its votes bit by bit", func(t *testing.T) {
		s.erased(t, store)
		p := created(t, store,
			poll.Poll{Question: question.Question{Text: "?", Options: options("A")}},
			poll.Poll{Question: question.Question{Text: "!", Kind: question.WordCloud}})
		other := created(t, store)
		v := show(t, store, p, 0)
		batch := votes()
		for range 25 {
			batch.Votes = append(batch.Votes, vote(p, 0, v, "A"))
		}
		count(t, store, batch)
		v = show(t, store, p, 1)
		count(t, store, votes(vote(p, 1, v, `["one","two"]`), vote(p, 1, v, `["one"]`)))
		require.NoError(t, store.Present(t.Context(), uuid.New(),
			rooms(map[uuid.UUID]int{p.ID: 7, other.ID: 7}), time.Hour))
		ov := show(t, store, other, 0)
		count(t, store, votes(vote(other, 0, ov, "A")))
		s.age(t, store, p.ID, 40*day)

		require.False(t, expire(t, p.ID, 41*day))
		require.True(t, expire(t, p.ID, 40*day))
		require.False(t, expire(t, p.ID, 40*day), "it is gone")
		for _, err := range []error{
			func() error { _, err := store.Display(t.Context(), p.ID); return err }(),
			func() error {
				_, err := store.Results(t.Context(), p.ID,
					p.Polls[0].ID)
				return err
			}(),
			func() error { _, _, err := store.Join(t.Context(), p.JoinCode); return err }(),
			store.Delete(t.Context(), p.ID, nil),
		} {
			requireKind(t, fault.NotFound, err)
		}
		require.Equal(t, []verdicts{{poll.Rejected}},
			count(t, store, votes(vote(p, 1, v, `["late"]`))).Verdicts)
		for _, table := range []string{"presence", "passes"} {
			require.Zero(t, s.rows(t, store, table, p.ID), table)
		}
		require.Equal(t, 25, s.rows(t, store, "votes", p.Polls[0].ID), "they are left to Erase")

		deleted := 0
		for n := 1; n > 0; deleted += n {
			var err error
			n, err = store.Erase(t.Context(), 10)
			require.NoError(t, err)
			require.LessOrEqual(t, n, 10)
		}
		require.Equal(t, 25+2+2+2+2, deleted, "votes, words, spellings, and notes of two polls")
		for i := range p.Polls {
			require.Zero(t, s.rows(t, store, "votes", p.Polls[i].ID))
			require.Zero(t, s.rows(t, store, "words", p.Polls[i].ID))
			require.Zero(t, s.rows(t, store, "spellings", p.Polls[i].ID))
		}
		requireRecount(t, store, other, 0)
		require.EqualValues(t, 1, results(t, store, other, 0).Voters)
		require.Equal(t, 1, s.rows(t, store, "presence", other.ID))
	})

	t.Run("of many who let it expire one does, and many may erase at once", func(t *testing.T) {
		s.erased(t, store)
		p := created(t, store,
			poll.Poll{Question: question.Question{Text: "?", Options: options("A")}})
		v := show(t, store, p, 0)
		batch := votes()
		for range 200 {
			batch.Votes = append(batch.Votes, vote(p, 0, v, "A"))
		}
		count(t, store, batch)
		s.age(t, store, p.ID, 3*day)
		stores := []Store{store}
		if s.again != nil {
			other := s.again(t, store)
			t.Cleanup(func() { require.NoError(t, other.Close()) })
			stores = append(stores, other)
		}
		var expired, erased atomic.Int32
		together(8, func(i int) {
			ok, err := stores[i%len(stores)].Expire(t.Context(), p.ID, 2*day)
			if err != nil {
				t.Error(err)
			}
			if ok {
				expired.Add(1)
			}
		})
		require.EqualValues(t, 1, expired.Load())
		together(8, func(i int) {
			for n := 1; n > 0; erased.Add(int32(n)) {
				var err error
				if n, err = stores[i%len(stores)].Erase(t.Context(), 7); err != nil {
					t.Error(err)
					return
				}
			}
		})
		require.EqualValues(t, 201, erased.Load(), "each row once, and none is left")
	})

	t.Run("of use and expiry at the same time the one is told of the other", func(t *testing.T) {
		for range 20 {
			p := created(t, store)
			s.age(t, store, p.ID, 3*day)
			var used error
			var expired bool
			together(2, func(i int) {
				if i == 0 {
					_, used = store.Display(t.Context(), p.ID)
					return
				}
				var err error
				if expired, err = store.Expire(t.Context(), p.ID, 2*day); err != nil {
					t.Error(err)
				}
			})
			if _, _, err := store.Presentation(t.Context(), p.ID); expired {
				requireKind(t, fault.NotFound, used)
				requireKind(t, fault.NotFound, err)
			} else {
				require.NoError(t, used)
				require.NoError(t, err)
			}
		}
	})

	t.Run("a deleted one leaves nothing", func(t *testing.T) {
		p := created(t, store,
			poll.Poll{Question: question.Question{Text: "?", Kind: question.WordCloud}})
		v := show(t, store, p, 0)
		count(t, store, votes(vote(p, 0, v, "A")))
		require.NoError(t, store.Present(t.Context(), uuid.New(),
			rooms(map[uuid.UUID]int{p.ID: 7}), time.Hour))
		require.Equal(t, 1, s.rows(t, store, "spellings", p.Polls[0].ID))
		require.NoError(t, store.Delete(t.Context(), p.ID, nil))
		for _, table := range []string{"votes", "words", "spellings"} {
			require.Zero(t, s.rows(t, store, table, p.Polls[0].ID), table)
		}
		for _, table := range []string{"presence", "passes"} {
			require.Zero(t, s.rows(t, store, table, p.ID), table)
		}
	})
}

// erased deletes what earlier claims left.
func (s *suite) erased(t *testing.T, store Store) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = store.Erase(t.Context(), 1000)
		require.NoError(t, err)
	}
}

// together runs something n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

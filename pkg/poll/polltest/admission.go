package polltest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) admission(t *testing.T) {
	store := s.store(t)
	byPass := access.Admission{Voters: access.ByPass, MaxVoters: 3, Passcode: "GARDEN"}
	made := func(t *testing.T, a access.Admission) poll.Presentation {
		t.Helper()
		p := newPresentation(t)
		require.NoError(t, p.Admit(a))
		require.NoError(t, store.Create(t.Context(), p))
		return p
	}
	identity := func(t *testing.T, p poll.Presentation, index int) access.Identity {
		t.Helper()
		return results(t, store, p, index).Identity
	}
	move := func(t *testing.T, p poll.Presentation, m poll.Move) poll.Turn {
		t.Helper()
		turn, err := store.Transit(t.Context(), p.ID, m, nil)
		require.NoError(t, err)
		return turn
	}
	admit := func(t *testing.T, p poll.Presentation, voters access.Voters) {
		t.Helper()
		_, err := store.Edit(t.Context(), p.ID, poll.EditPresentation{Voters: &voters})
		require.NoError(t, err)
	}

	t.Run("who may vote is read as it was written, wherever the slide is read", func(t *testing.T) {
		p := made(t, byPass)
		read, _, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, byPass, read.Admission)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, byPass, d.Admission)
		require.Equal(t, byPass, move(t, p, poll.Move{}).Admission)
	})

	t.Run("and as it was edited, all of it or a part", func(t *testing.T) {
		p := made(t, access.Admission{})
		_, err := store.Edit(t.Context(), p.ID,
			poll.EditPresentation{Voters: new(access.ByPass), MaxVoters: new(9),
				Passcode: new(" gar-den ")})
		require.NoError(t, err)
		_, err = store.Edit(t.Context(), p.ID,
			poll.EditPresentation{Title: new("Another"), MaxVoters: new(0)})
		require.NoError(t, err)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, access.Admission{Voters: access.ByPass, Passcode: "GARDEN"}, d.Admission)
		admit(t, p, access.Anyone)
		d, err = store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, access.Admission{Voters: access.Anyone}, d.Admission,
			"a limit and a passcode go with the passes")
	})

	t.Run("a poll's voters are told apart as the presentation says when it opens",
		func(t *testing.T) {
			p := made(t, byPass)
			require.Equal(t, access.ByClient, identity(t, p, 0), "nobody has voted yet")
			require.Equal(t, access.Passed, move(t, p, poll.Move{}).Poll.Identity)
			require.Equal(t, access.Passed, identity(t, p, 0))
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, access.Passed, d.Poll.Identity)
		})

	t.Run("of one that is open from the start, too", func(t *testing.T) {
		p := newPresentation(t)
		require.NoError(t, p.Open(1))
		require.NoError(t, p.Admit(byPass))
		require.NoError(t, store.Create(t.Context(), p))
		require.Equal(t, access.Passed, identity(t, p, 1))
		require.Equal(t, access.ByClient, identity(t, p, 0))
	})

	t.Run("votes that anyone cast keep a poll weak until it is reset", func(t *testing.T) {
		p := made(t, access.Admission{})
		opened := move(t, p, poll.Move{})
		admit(t, p, access.ByPass)
		require.Equal(t, access.ByClient, identity(t, p, 0))
		move(t, p, poll.Move{To: poll.ToClosed})
		require.Equal(t, access.ByClient, move(t, p, poll.Move{To: poll.ToOpen}).Poll.Identity,
			"the votes still stand")
		closed := move(t, p, poll.Move{To: poll.ToClosed})
		require.Greater(t, closed.Version, opened.Version)
		count(t, store, seal(p, 0, closed.Ended.Version))
		_, err := store.Edit(t.Context(), p.ID, poll.Reset{PollID: p.Polls[0].ID})
		require.NoError(t, err)
		require.Equal(t, access.Passed, move(t, p, poll.Move{To: poll.ToOpen}).Poll.Identity)
	})

	t.Run("and one that is open when anyone may vote becomes weak, others do not",
		func(t *testing.T) {
			p := made(t, byPass)
			move(t, p, poll.Move{})
			move(t, p, poll.Move{})
			before := results(t, store, p, 1)
			admit(t, p, access.Anyone)
			require.Equal(t, before.Revision+1, results(t, store, p, 1).Revision,
				"whoever has its results must not take them for the same")
			require.Equal(t, access.Passed, identity(t, p, 0))
			require.Equal(t, access.ByClient, identity(t, p, 1))
			require.Equal(t, access.ByClient,
				move(t, p, poll.Move{To: poll.ToPrevious}).Poll.Identity,
				"it was opened for anyone")
		})

	t.Run("voters who log in make a poll strong, until weaker ones may vote", func(t *testing.T) {
		p := made(t, access.Admission{Voters: access.ByAccount})
		require.Equal(t, access.LoggedIn, move(t, p, poll.Move{}).Poll.Identity)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, access.ByAccount, d.Voters)
		before := results(t, store, p, 0)
		admit(t, p, access.ByPass)
		require.Equal(t, access.Passed, identity(t, p, 0))
		require.Equal(t, before.Revision+1, results(t, store, p, 0).Revision)
		admit(t, p, access.ByAccount)
		require.Equal(t, access.Passed, identity(t, p, 0), "passes may have voted")
		admit(t, p, access.Anyone)
		require.Equal(t, access.ByClient, identity(t, p, 0))
	})

	t.Run("as many passes are granted as there is room for", func(t *testing.T) {
		p := made(t, byPass)
		for _, c := range []struct{ want, granted int }{{2, 2}, {2, 1}, {5, 0}} {
			granted, err := store.Grant(t.Context(), p.ID, c.want)
			require.NoError(t, err)
			require.Equal(t, c.granted, granted)
		}
		_, err := store.Edit(t.Context(), p.ID, poll.EditPresentation{MaxVoters: new(1)})
		require.NoError(t, err)
		granted, err := store.Grant(t.Context(), p.ID, 1)
		require.NoError(t, err)
		require.Zero(t, granted, "a smaller limit takes back nothing")
		_, err = store.Edit(t.Context(), p.ID, poll.EditPresentation{MaxVoters: new(0)})
		require.NoError(t, err)
		granted, err = store.Grant(t.Context(), p.ID, 10_000)
		require.NoError(t, err)
		require.Equal(t, 10_000, granted)
		all, err := store.Audiences(t.Context(), []uuid.UUID{p.ID}, time.Hour)
		require.NoError(t, err)
		require.EqualValues(t, 10_003, all[p.ID].Given)
	})

	t.Run("exactly as many, however many ask at once", func(t *testing.T) {
		p := made(t, access.Admission{Voters: access.ByPass, MaxVoters: 100})
		var granted atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 10 {
					n, err := store.Grant(t.Context(), p.ID, 3)
					granted.Add(int64(n))
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 100, granted.Load())
	})

	t.Run("none of what is not there", func(t *testing.T) {
		_, err := store.Grant(t.Context(), uuid.New(), 1)
		requireKind(t, fault.NotFound, err)
	})
}

func (s *suite) secrets(t *testing.T) {
	store := s.store(t)

	t.Run("the first call decides", func(t *testing.T) {
		for _, fresh := range []string{"first", "second"} {
			value, err := store.Secret(t.Context(), "key", []byte(fresh))
			require.NoError(t, err)
			require.Equal(t, []byte("first"), value)
		}
		value, err := store.Secret(t.Context(), "other", []byte{0, 255})
		require.NoError(t, err)
		require.Equal(t, []byte{0, 255}, value)
	})

	t.Run("of many first calls at once, too", func(t *testing.T) {
		values := make(chan string, 8)
		for i := range cap(values) {
			go func() {
				value, err := store.Secret(t.Context(), "raced", []byte{byte(i)})
				if err != nil {
					t.Error(err)
				}
				values <- string(value)
			}()
		}
		first := <-values
		for range cap(values) - 1 {
			require.Equal(t, first, <-values)
		}
	})
}

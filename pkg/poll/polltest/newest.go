package polltest

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) newest(t *testing.T) {
	store := s.store(t)
	ask := func(t *testing.T, presentations, polls []uuid.UUID) poll.Newest {
		t.Helper()
		n, err := store.Newest(t.Context(), presentations, polls)
		require.NoError(t, err)
		return n
	}

	t.Run("versions and revisions are those of the slide and of results", func(t *testing.T) {
		one, other := created(t, store), created(t, store)
		v := show(t, store, one, 0)
		count(t, store, votes(vote(one, 0, v, "A")))
		show(t, store, one, 1)
		n := ask(t, []uuid.UUID{other.ID, one.ID},
			[]uuid.UUID{one.Polls[0].ID, one.Polls[1].ID, other.Polls[0].ID})
		require.Equal(t, map[uuid.UUID]int64{one.ID: v + 1, other.ID: 0}, n.Versions)
		require.Equal(t, map[uuid.UUID]int64{
			one.Polls[0].ID:   results(t, store, one, 0).Revision,
			one.Polls[1].ID:   results(t, store, one, 1).Revision,
			other.Polls[0].ID: results(t, store, other, 0).Revision,
		}, n.Revisions)
	})

	t.Run("whatever viewers may see raises one or the other", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		polls := []uuid.UUID{p.Polls[0].ID, p.Polls[1].ID}
		before := ask(t, []uuid.UUID{p.ID}, polls)
		presenter := poll.PresenterOnly
		for _, c := range []struct {
			what            string
			do              func()
			version, result bool
		}{
			{"a vote", func() { count(t, store, votes(vote(p, 0, v, "A"))) }, false, true},
			{"who may see results", func() {
				_, err := store.Edit(t.Context(), p.ID,
					poll.EditPoll{PollID: p.Polls[0].ID, Visibility: &presenter})
				require.NoError(t, err)
			}, true, true},
			{"a transition", func() { show(t, store, p, 1) }, true, true},
			{"a seal", func() { count(t, store, seal(p, 0, v)) }, false, true},
			{"a reset", func() {
				_, err := store.Edit(t.Context(), p.ID, poll.Reset{PollID: p.Polls[0].ID})
				require.NoError(t, err)
			}, true, true},
			{"another title", func() {
				_, err := store.Edit(t.Context(), p.ID,
					poll.EditPresentation{Title: new("Another")})
				require.NoError(t, err)
			}, true, false},
			{"other tokens", func() {
				require.NoError(t, store.SetAccess(t.Context(), p.ID, p.TokenHash,
					access.Tokens{TokenHash: [32]byte{1}}))
			}, true, false},
			{"another join code",
				func() {
					require.NoError(t,
						store.SetJoinCode(t.Context(), p.ID, access.NewCode()))
				}, true, false},
			{"a slide that is empty", func() {
				_, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNothing}, nil)
				require.NoError(t, err)
			}, true, true},
		} {
			c.do()
			now := ask(t, []uuid.UUID{p.ID}, polls)
			require.Equal(t, c.version, now.Versions[p.ID] > before.Versions[p.ID], c.what)
			require.Equal(t, c.result, !maps.Equal(now.Revisions, before.Revisions), c.what)
			for id := range now.Revisions {
				require.GreaterOrEqual(t, now.Revisions[id], before.Revisions[id], c.what)
			}
			before = now
		}
	})

	t.Run("what is not there, or no more, is missing", func(t *testing.T) {
		p, other := created(t, store), created(t, store)
		ids := []uuid.UUID{p.ID, other.ID, uuid.New(), uuid.Nil, p.Polls[0].ID}
		polls := []uuid.UUID{p.Polls[0].ID, p.Polls[1].ID, uuid.New(), uuid.Nil, p.ID}
		_, err := store.Edit(t.Context(), p.ID, poll.DeletePoll{PollID: p.Polls[1].ID})
		require.NoError(t, err)
		require.NoError(t, store.Delete(t.Context(), other.ID, nil))
		n := ask(t, ids, polls)
		require.Equal(t, []uuid.UUID{p.ID}, slices.Collect(maps.Keys(n.Versions)))
		require.Equal(t, []uuid.UUID{p.Polls[0].ID}, slices.Collect(maps.Keys(n.Revisions)))
		require.Equal(t, poll.Newest{Versions: map[uuid.UUID]int64{},
			Revisions: map[uuid.UUID]int64{}}, ask(t, nil, nil))
	})

	t.Run("it takes a thousand ids and not one more, and each as often as it likes",
		func(t *testing.T) {
			p := created(t, store)
			ids := slices.Repeat([]uuid.UUID{p.ID}, poll.MaxNewest-1)
			n := ask(t, ids, []uuid.UUID{p.Polls[0].ID})
			require.Equal(t, map[uuid.UUID]int64{p.ID: 0}, n.Versions)
			require.Len(t, n.Revisions, 1)
			_, err := store.Newest(t.Context(), ids, []uuid.UUID{p.Polls[0].ID, p.Polls[1].ID})
			requireKind(t, fault.Invalid, err)
		})
}

package polltest

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) seals(t *testing.T) {
	store := s.store(t)

	t.Run("a seal makes a closing poll final, and later votes are late", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		voter := uuid.New()
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "A"))))
		show(t, store, p, 1)
		// accepted before
		require.Equal(t, []verdicts{{counted}}, count(t, store, votes(vote(p, 0, v, "B"))).Verdicts)
		before := results(t, store, p, 0)
		require.Equal(t, poll.Closing, before.Status)

		o := count(t, store, seal(p, 0, v))
		r := results(t, store, p, 0)
		require.Equal(t, []bus.Change{{Thing: p.ID, Part: p.Polls[0].ID, Version: v,
			Revision: r.Revision}}, o.Changed)
		require.Equal(t, poll.Final, r.Status)
		require.Equal(t, v, r.Sealed)
		require.Greater(t, r.Revision, before.Revision)
		require.Equal(t, before.Counts, r.Counts)

		o = count(t, store, votes(vote(p, 0, v, "C"), by(voter, 5, vote(p, 0, v, "C")),
			vote(p, 0, v-1, "C")))
		require.Equal(t, []verdicts{{late, late, late}}, o.Verdicts)
		require.Empty(t, o.Changed)
		require.Equal(t, r, results(t, store, p, 0))
	})

	t.Run("a seal in the middle of a list stands where it stands", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		show(t, store, p, 1)
		voter := uuid.New()
		o := count(t, store, votes(by(voter, 0, vote(p, 0, v, "A"))), seal(p, 0, v),
			votes(by(voter, 0, vote(p, 0, v, "B")), vote(p, 0, v, "B")))
		require.Equal(t, []verdicts{{counted}, {}, {late, late}}, o.Verdicts)
		r := results(t, store, p, 0)
		require.Equal(t, poll.Final, r.Status)
		require.Equal(t, []int64{1, 0, 0}, r.Counts)
	})

	t.Run("a seal given again has no effect", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		show(t, store, p, 1)
		first := seal(p, 0, v)
		require.Len(t, count(t, store, first).Changed, 1)
		before := results(t, store, p, 0)
		for _, again := range []poll.Batch{first, seal(p, 0, v), seal(p, 0, v-1)} {
			require.Empty(t, count(t, store, again).Changed)
			require.Equal(t, before, results(t, store, p, 0))
		}
	})

	t.Run("the seal of an older version does not make a poll final that was displayed again",
		func(t *testing.T) {
			p := created(t, store)
			first := show(t, store, p, 0)
			show(t, store, p, 1)
			again := show(t, store, p, 0)
			count(t, store, seal(p, 0, first))
			r := results(t, store, p, 0)
			require.Equal(t, poll.Open, r.Status)
			require.Equal(t, first, r.Sealed)
			o := count(t, store, votes(vote(p, 0, first, "A"), vote(p, 0, again, "B")))
			require.Equal(t, []verdicts{{late, counted}}, o.Verdicts)

			show(t, store, p, 2)
			count(t, store, seal(p, 0, first))
			require.Equal(t, poll.Closing, results(t, store, p, 0).Status)
			count(t, store, seal(p, 0, again))
			require.Equal(t, poll.Final, results(t, store, p, 0).Status)
		})

	t.Run("a final poll that is displayed again is open and keeps its votes", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		count(t, store, votes(vote(p, 0, v, "A")))
		show(t, store, p, 1)
		count(t, store, seal(p, 0, v))
		final := results(t, store, p, 0)
		again := show(t, store, p, 0)
		r := results(t, store, p, 0)
		require.Equal(t, poll.Open, r.Status)
		require.Equal(t, again, r.Opened)
		require.Greater(t, r.Revision, final.Revision)
		require.Equal(t, final.Counts, r.Counts)
	})

	t.Run("the polls that wait for their seal are listed with it", func(t *testing.T) {
		p := created(t, store)
		mine := func() (seals []poll.Seal) {
			all, err := store.Closing(t.Context())
			require.NoError(t, err)
			for _, c := range all {
				if c.PresentationID == p.ID {
					seals = append(seals, c.Seal)
				}
			}
			slices.SortFunc(seals, func(a, b poll.Seal) int { return int(a.Version - b.Version) })
			return seals
		}
		require.Empty(t, mine())
		v0 := show(t, store, p, 0)
		require.Empty(t, mine())
		v1 := show(t, store, p, 1)
		show(t, store, p, 2)
		first, second := poll.Seal{PollID: p.Polls[0].ID, Version: v0},
			poll.Seal{PollID: p.Polls[1].ID, Version: v1}
		require.Equal(t, []poll.Seal{first, second}, mine())
		count(t, store, poll.Batch{ID: uuid.New(), Seal: &first})
		require.Equal(t, []poll.Seal{second}, mine())
		show(t, store, p, 1)
		require.Equal(t, []poll.Seal{{PollID: p.Polls[2].ID, Version: v1 + 1}}, mine())
	})
}

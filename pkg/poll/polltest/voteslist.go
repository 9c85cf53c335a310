package polltest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func (s *suite) votesList(t *testing.T) {
	store := s.store(t)
	const n = 2500 // more than an adapter reads at once
	p := created(t, store)
	version := show(t, store, p, 1)
	want := make([]poll.VoterAnswer, n)
	batch := poll.Batch{ID: uuid.New()}
	for i := range want {
		v := vote(p, 1, version, []question.Answer{"A", "A\nD", "B"}[i%3])
		batch.Votes = append(batch.Votes, v)
		want[i] = poll.VoterAnswer{VoterID: v.VoterID, Answer: v.Answer, VoteID: v.ID}
	}
	slices.SortFunc(want, func(a,
		b poll.VoterAnswer) int {
		return bytes.Compare(a.VoterID[:], b.VoterID[:])
	})
	count(t, store, batch)
	count(t, store, votes(vote(p, 0, version, "A"))) // of another poll

	t.Run("it holds every voter once, in the order of their ids", func(t *testing.T) {
		require.Equal(t, want, list(t, store, p, 1))
	})

	t.Run("it goes on behind any voter, there or not", func(t *testing.T) {
		below := slices.IndexFunc(want, func(a poll.VoterAnswer) bool { return a.VoterID[15] > 0 })
		between := want[below].VoterID
		between[15]-- // nobody's
		for after, from := range map[uuid.UUID]int{
			uuid.Nil: 0, want[0].VoterID: 1, want[n-3].VoterID: n - 2, want[n-1].VoterID: n,
			uuid.Max: n, between: below,
		} {
			require.Equal(t, want[from:], listAfter(t, store, p, 1, after), "behind %s", after)
		}
	})

	t.Run("it ends at the reader's first error and returns it", func(t *testing.T) {
		for _, stop := range []error{errors.New("enough"), context.Canceled,
			fault.Errorf(fault.Busy, "enough")} {
			n := 0
			err := store.Votes(t.Context(), p.ID, p.Polls[1].ID, uuid.Nil,
				func(poll.VoterAnswer) error {
					if n++; n == 3 {
						return stop
					}
					return nil
				})
			require.Same(t, stop, err)
			require.Equal(t, 3, n)
		}
	})

	t.Run("it is unavailable when the context ends on the way", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		err := store.Votes(ctx, p.ID, p.Polls[1].ID, uuid.Nil, func(poll.VoterAnswer) error {
			n++
			cancel()
			return nil
		})
		requireKind(t, fault.Unavailable, err)
		require.Less(t, n, len(want))
	})

	t.Run("it is of one moment and holds up neither counting nor transitions", func(t *testing.T) {
		var got []poll.VoterAnswer
		first := true
		err := store.Votes(t.Context(), p.ID, p.Polls[1].ID, uuid.Nil,
			func(a poll.VoterAnswer) error {
				if got = append(got, a); !first {
					return nil
				}
				first = false
				last := by(want[len(want)-1].VoterID, 0, vote(p, 1, version, "C"))
				more := votes(last, by(uuid.Max, 0, vote(p, 1, version, "C")))
				if _, err := store.Count(t.Context(), []poll.Batch{more}); err != nil {
					return err
				}
				_, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNext}, nil)
				return err
			})
		require.NoError(t, err)
		require.Equal(t, want, got)
		now := list(t, store, p, 1)
		require.Len(t, now, n+1)
		require.Equal(t, poll.VoterAnswer{VoterID: uuid.Max, Answer: "C",
			VoteID: now[n].VoteID}, now[n])
		require.Equal(t, question.Answer("C"), now[n-1].Answer)
	})
}

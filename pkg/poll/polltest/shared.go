package polltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func (s *suite) shared(t *testing.T) {
	t.Run("a store that is opened again finds everything", func(t *testing.T) {
		store := s.open(t)
		require.NoError(t, store.Partitions(t.Context(), Partitions))
		p := created(t, store)
		v := show(t, store, p, 0)
		batch := votes(vote(p, 0, v, "A"), vote(p, 0, v, "B"))
		count(t, store, batch)
		show(t, store, p, 1)
		want, states, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		answers := list(t, store, p, 0)
		require.NoError(t, store.Close())

		store = s.again(t, store)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		got, gotStates, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, states, gotStates)
		require.Equal(t, answers, list(t, store, p, 0))
		require.Equal(t, []verdicts{nil}, count(t, store, batch).Verdicts)
		requirePartitions(t, Partitions, Partitions, store)
		require.NoError(t, store.Partitions(t.Context(), Partitions+1))
		requirePartitions(t, Partitions+1, Partitions, store)
		closing, err := store.Closing(t.Context())
		require.NoError(t, err)
		require.Equal(t, []poll.ClosingPoll{{PresentationID: p.ID,
			Seal: poll.Seal{PollID: p.Polls[0].ID, Version: v}}}, closing)
	})

	t.Run("what one has committed the other sees at once", func(t *testing.T) {
		one := s.store(t)
		other := s.again(t, one)
		t.Cleanup(func() { require.NoError(t, other.Close()) })
		p := created(t, one)
		for i := range 10 {
			v := show(t, one, p, i%3)
			d, err := other.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, v, d.Version)
			answer := question.Answer("A")
			if i%3 == 2 {
				answer = "1"
			}
			require.Equal(t, []verdicts{{counted}},
				count(t, other, votes(vote(p, i%3, v, answer))).Verdicts)
			requireRecount(t, one, p, i%3)
		}
	})

	t.Run("both count at once", func(t *testing.T) {
		one := s.store(t)
		other := s.again(t, one)
		t.Cleanup(func() { require.NoError(t, other.Close()) })
		crowd(t, one, other)
		overlap(t, one, other)
	})
}

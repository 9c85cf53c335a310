package polltest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) partitions(t *testing.T) {
	store := s.open(t)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	batch := []poll.Batch{votes(poll.Vote{ID: uuid.New(), PollID: uuid.New(), VoterID: uuid.New(), Version: 1, Answer: "A"})}

	_, err := store.Count(t.Context(), batch)
	require.Error(t, err, "counted before the number of partitions was known")
	requireKind(t, fault.Invalid, store.Partitions(t.Context(), 0))
	requireKind(t, fault.Invalid, store.Partitions(t.Context(), -1))

	var group errgroup.Group // replicas that start at once
	for range 8 {
		group.Go(func() error { return store.Partitions(t.Context(), 3) })
	}
	require.NoError(t, group.Wait())
	for _, other := range []int{1, 2, 4} {
		err := store.Partitions(t.Context(), other)
		requireKind(t, fault.Conflict, err)
		require.ErrorContains(t, err, "3")
		require.ErrorContains(t, err, string(rune('0'+other)))
	}
	require.NoError(t, store.Partitions(t.Context(), 3))

	for partition := range 3 {
		batch[0].ID = uuid.New()
		_, err := store.Count(t.Context(), in(partition, batch...))
		require.NoError(t, err)
	}
	for _, partition := range []int{-1, 3} {
		batch[0].ID = uuid.New()
		_, err := store.Count(t.Context(), in(partition, batch...))
		require.Error(t, err)
		require.Empty(t, fault.CodeOf(err),
			"a partition that there is not is a fault, and no waiting heals it: %v", err)
	}
}

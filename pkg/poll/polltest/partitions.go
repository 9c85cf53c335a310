package polltest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

func (s *suite) partitions(t *testing.T) {
	store := s.open(t)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	batch := []poll.Batch{votes(poll.Vote{ID: uuid.New(), PollID: uuid.New(), VoterID: uuid.New(),
		Version: 1, Answer: "A"})}

	requirePartitions(t, 0, 0, store)
	_, err := store.Count(t.Context(), batch)
	require.Error(t, err, "counted before the number of partitions was known")
	requireKind(t, fault.Invalid, store.Partitions(t.Context(), 0))
	requireKind(t, fault.Invalid, store.Partitions(t.Context(), -1))

	var group errgroup.Group // replicas that start at once
	for range 8 {
		group.Go(func() error { return store.Partitions(t.Context(), 3) })
	}
	require.NoError(t, group.Wait())
	for _, fewer := range []int{1, 2, 3} { // a process that does not know of a raise yet
		require.NoError(t, store.Partitions(t.Context(), fewer))
		requirePartitions(t, 3, 3, store)
	}

	counts := func(partitions int) {
		for partition := range partitions {
			batch[0].ID = uuid.New()
			_, err := store.Count(t.Context(), in(partition, batch...))
			require.NoError(t, err)
		}
	}
	counts(3)
	for _, partition := range []int{-1, 3} {
		batch[0].ID = uuid.New()
		_, err := store.Count(t.Context(), in(partition, batch...))
		require.Error(t, err)
		require.Empty(t, fault.CodeOf(err),
			"a partition that there is not is a fault, and no waiting heals it: %v", err)
	}

	for i := range 8 { // replicas that start at once with a higher number
		group.Go(func() error { return store.Partitions(t.Context(), 5+i%2) })
	}
	require.NoError(t, group.Wait())
	requirePartitions(t, 6, 3, store)
	counts(6)
	require.NoError(t, store.Partitions(t.Context(), 3))
	requirePartitions(t, 6, 3, store)

	s.lies(t)
	if s.before != nil {
		s.liesOfBefore(t)
	}
}

func requirePartitions(t *testing.T, all, original int, store Store) {
	t.Helper()
	n, err := store.CountPartitions(t.Context())
	require.NoError(t, err)
	require.Equal(t, all, n)
	n, err = store.OriginalPartitions(t.Context())
	require.NoError(t, err)
	require.Equal(t, original, n)
}

// Before says how a presentation becomes one that a process of before partitions were stored has
// made.
func Before(before func(t *testing.T, s Store, id uuid.UUID)) Capability {
	return func(s *suite) { s.before = before }
}

// requireLies requires that every read of a presentation says where it lies. A poll of it closes.
func requireLies(t *testing.T, store Store, p poll.Presentation, partition int) {
	t.Helper()
	got, _, err := store.Presentation(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, partition, got.Partition)
	d, err := store.Display(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, partition, d.Partition)
	first := poll.Move{To: poll.ToPoll, PollID: p.Polls[0].ID}
	for _, m := range []poll.Move{first, {To: poll.ToNext}, {To: poll.ToOpen}} {
		turn, err := store.Transit(t.Context(), p.ID, m, nil)
		require.NoError(t, err)
		require.Equal(t, partition, turn.Partition)
	}
	closing, err := store.Closing(t.Context())
	require.NoError(t, err)
	for _, c := range closing {
		if c.PresentationID == p.ID {
			require.Equal(t, partition, c.Partition)
			return
		}
	}
	require.Fail(t, "no poll is closing")
}

func (s *suite) lies(t *testing.T) {
	t.Run("a presentation lies where it was made for ever", func(t *testing.T) {
		store := s.store(t)
		for _, partition := range []int{0, 3, 255} {
			p := newPresentation(t)
			p.Partition = partition
			require.NoError(t, store.Create(t.Context(), p))
			requireLies(t, store, p, partition)
			require.NoError(t, store.Partitions(t.Context(), Partitions+partition+1))
			requireLies(t, store, p, partition)
		}
	})
}

func (s *suite) liesOfBefore(t *testing.T) {
	t.Run("a presentation of before lies among the original ones for ever", func(t *testing.T) {
		store := s.store(t)
		for range 9 { // of 4 and 8 partitions one in two would be another
			p := created(t, store)
			s.before(t, store, p.ID)
			want := queue.Partition(p.ID, Partitions)
			requireLies(t, store, p, want)
			require.NoError(t, store.Partitions(t.Context(), 2*Partitions))
			requireLies(t, store, p, want)
		}
	})
	t.Run("without any partition a presentation of before lies nowhere", func(t *testing.T) {
		store := s.open(t)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		p := created(t, store)
		s.before(t, store, p.ID)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, -1, d.Partition)
	})
}

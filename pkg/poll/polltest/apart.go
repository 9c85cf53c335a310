package polltest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Apart says that a writer keeps out only those who write the same. Counting waits for its own
// partition and for the polls that it is for. A store with one writer at a time, as SQLite's is,
// cannot say so. hold locks a poll's state as another writer would, until release or the end of
// the test. waiting returns when so many calls of the store wait for locks.
func Apart(hold func(t *testing.T, s Store, p poll.Poll) (waiting func(calls int),
	release func())) Capability {
	return func(s *suite) { s.hold = hold }
}

// apart stops a counting transaction in its middle, where it has its partition and one of its two
// polls and waits for the other. Then it sees which calls get on and which do not.
func (s *suite) apart(t *testing.T) {
	store := s.store(t)
	shows := make([]poll.Presentation, 6)
	for i := range shows {
		shows[i] = created(t, store)
		show(t, store, shows[i], 0)
	}
	// States are locked in the order of their ids.
	slices.SortFunc(shows, func(a,
		b poll.Presentation) int {
		return bytes.Compare(a.Polls[0].ID[:], b.Polls[0].ID[:])
	})
	locked, held, others := shows[0], shows[1], shows[2:]
	counting := func(partition int, presentations ...poll.Presentation) <-chan error {
		batch := votes()
		batch.Partition = partition
		for _, p := range presentations {
			batch.Votes = append(batch.Votes, vote(p, 0, 1, "A"))
		}
		done := make(chan error, 1)
		go func() {
			_, err := store.Count(t.Context(), []poll.Batch{batch})
			done <- err
		}()
		return done
	}
	stands := func(done <-chan error, why string) {
		t.Helper()
		select {
		case err := <-done:
			t.Fatalf("%s: %v", why, err)
		default:
		}
	}
	waiting, release := s.hold(t, store, held.Polls[0])
	middle := counting(0, locked, held)
	waiting(1)

	for i, partition := range []int{1, 2, 3} {
		require.NoError(t, <-counting(partition, others[i]))
		require.EqualValues(t, 1, results(t, store, others[i], 0).Voters,
			"partition %d has committed", partition)
	}
	show(t, store, others[0], 1)
	require.Zero(t, results(t, store, held, 0).Voters, "readers wait for nobody")
	stands(middle, "what holds partition 0 should have stood still all the time")

	samePartition := counting(0, others[3])
	waiting(2)
	samePoll := counting(1, locked)
	waiting(3)
	stands(samePartition, "counted in a partition in which somebody counts")
	stands(samePoll, "counted for a poll for which somebody counts")
	require.Zero(t, results(t, store, others[3], 0).Voters)

	release()
	for _, done := range []<-chan error{middle, samePartition, samePoll} {
		require.NoError(t, <-done)
	}
	for i, want := range []int64{2, 1, 1, 1, 1, 1} {
		require.Equal(t, want, results(t, store, shows[i], 0).Voters, "of presentation %d", i)
		requireRecount(t, store, shows[i], 0)
	}
}

package polltest

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// together counts batches of several partitions in one call, as a worker does.
func (s *suite) together(t *testing.T) {
	store := s.store(t)

	t.Run("each batch has its effect once, whatever it comes again with", func(t *testing.T) {
		one, two, three := created(t, store), created(t, store), created(t, store)
		v := show(t, store, one, 0)
		show(t, store, two, 0)
		show(t, store, three, 0)
		voter := uuid.New()
		first := in(2, votes(vote(one, 0, v, "A"), by(voter, 1, vote(one, 0, v, "B"))))[0]
		second := in(0, votes(vote(two, 0, v, "C"), vote(two, 0, v, "Z")))[0]
		third := in(2, votes(by(voter, 0, vote(one, 0, v, "C"))))[0] // an earlier one
		o := count(t, store, first, second, third, second)
		require.Equal(t, []verdicts{{counted, counted}, {counted, rejected}, {superseded}, nil},
			o.Verdicts)
		require.Len(t, o.Changed, 2)
		last := in(3, votes(vote(three, 0, v, "A")))[0]
		o = count(t, store, second, last, first, third)
		require.Equal(t, []verdicts{nil, {counted}, nil, nil}, o.Verdicts)
		require.Len(t, o.Changed, 1)
		require.Equal(t, []int64{1, 1, 0}, results(t, store, one, 0).Counts)
		require.Equal(t, []int64{0, 0, 1}, results(t, store, two, 0).Counts)
		require.Equal(t, []int64{1, 0, 0}, results(t, store, three, 0).Counts)
	})

	t.Run("a seal is behind the votes before it, and those of other partitions do not matter",
		func(t *testing.T) {
			one, two := created(t, store), created(t, store)
			v := show(t, store, one, 0)
			show(t, store, two, 0)
			o := count(t, store,
				in(1, votes(vote(one, 0, v, "A")))[0], in(3, seal(two, 0, v))[0],
				in(1, seal(one, 0, v))[0], in(1, votes(vote(one, 0, v, "B")))[0],
				in(3, votes(vote(two, 0, v, "A")))[0])
			require.Equal(t, []verdicts{{counted}, {}, {}, {late}, {late}}, o.Verdicts)
			require.EqualValues(t, 1, results(t, store, one, 0).Voters)
			require.Zero(t, results(t, store, two, 0).Voters)
		})

	t.Run("a partition that there is not has nothing counted", func(t *testing.T) {
		p := created(t, store)
		v := show(t, store, p, 0)
		good := in(1, votes(vote(p, 0, v, "A")))[0]
		for _, missing := range []int{-1, Partitions} {
			bad := in(missing, votes(vote(p, 0, v, "B")))[0]
			for _, batches := range [][]poll.Batch{{good, bad}, {bad, good}} {
				_, err := store.Count(t.Context(), batches)
				require.Error(t, err)
				require.Empty(t, fault.CodeOf(err), "no waiting heals it: %v", err)
			}
		}
		require.Zero(t, results(t, store, p, 0).Voters)
		require.Equal(t, []verdicts{{counted}}, count(t, store, good).Verdicts,
			"no id stays behind")
	})
}

// overlap has workers count at once whose sets of partitions overlap, as they do for a while when
// partitions go from one worker to another. Each names them in an order of its own, and some name
// one only, as workers of before do. Nobody waits in a circle, and no batch is counted twice.
func overlap(t *testing.T, stores ...Store) {
	const workers, rounds = 6, 15
	shows := make([]poll.Presentation, Partitions)
	for i := range shows {
		shows[i] = created(t, stores[0])
		show(t, stores[0], shows[i], 0)
	}
	logs := make([][]poll.Batch, Partitions) // the same votes come to everybody
	for partition := range logs {
		for range rounds {
			b := votes()
			for range 10 {
				answer := []question.Answer{"A", "B", "C"}[rand.IntN(3)]
				b.Votes = append(b.Votes, vote(shows[partition], 0, 1, answer))
			}
			logs[partition] = append(logs[partition], in(partition, b)...)
		}
	}
	var group errgroup.Group
	for worker := range workers {
		group.Go(func() error {
			mine := rand.Perm(Partitions)
			if worker%3 == 0 {
				mine = mine[:1]
			}
			for round := range rounds {
				var batches []poll.Batch
				for _, partition := range mine {
					batches = append(batches, logs[partition][round])
				}
				if _, err := stores[worker%len(stores)].Count(t.Context(), batches); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, p := range shows {
		require.EqualValues(t, 10*rounds, results(t, stores[0], p, 0).Voters)
		requireRecount(t, stores[0], p, 0)
	}
}

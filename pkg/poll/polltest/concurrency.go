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

// concurrency lets workers count the same and different partitions. Even the same presentation is
// counted from two partitions, as by two workers that both believe to be active. Meanwhile
// presenters go to and fro and hide words, and seals come in.
func (s *suite) concurrency(t *testing.T) {
	crowd(t, s.store(t))
}

func crowd(t *testing.T, stores ...Store) {
	const workers, rounds, presenters = 6, 12, 3
	pick := func(i int) Store { return stores[i%len(stores)] }
	shows := make([]poll.Presentation, 3)
	for i := range shows {
		shows[i] = created(t, stores[0], everyKind()...)
	}
	voters := make([]uuid.UUID, 50)
	for i := range voters {
		voters[i] = uuid.New()
	}
	seals := make(chan poll.Batch, presenters*rounds)
	var group errgroup.Group
	for i := range presenters {
		group.Go(func() error {
			p := shows[i]
			for range rounds {
				target := poll.Move{To: poll.ToPoll, PollID: p.Polls[rand.IntN(len(p.Polls))].ID}
				turn, err := pick(i).Transit(t.Context(), p.ID, target, nil)
				if err != nil {
					return err
				}
				if turn.Ended != nil {
					seals <- poll.Batch{ID: uuid.New(), Seal: turn.Ended}
				}
			}
			return nil
		})
	}
	for i, p := range shows {
		group.Go(func() error {
			for range rounds {
				_, _, err := pick(i).Hide(t.Context(), p.ID, p.Polls[3+rand.IntN(2)].ID,
					[]string{"A", "B"}[rand.IntN(2)], rand.IntN(2) > 0)
				// nobody says it yet, or any more
				if err != nil && fault.CodeOf(err) != fault.NotFound {
					return err
				}
			}
			return nil
		})
	}
	for i := range workers {
		group.Go(func() error {
			var last poll.Batch
			for range rounds {
				batch := poll.Batch{ID: uuid.New()}
				for range 30 {
					p := shows[rand.IntN(len(shows))]
					index := []int{0, 1, 3, 4}[rand.IntN(4)]
					v := vote(p, index, rand.Int64N(rounds),
						[]question.Answer{"A", "B", "C", ""}[rand.IntN(4)])
					batch.Votes = append(batch.Votes,
						by(voters[rand.IntN(len(voters))], rand.Int64N(5), v))
				}
				batches := []poll.Batch{batch, last, batch}
				select {
				case seal := <-seals:
					batches = append(batches, seal, seal)
				default:
				}
				if last.ID == uuid.Nil {
					batches = batches[:1]
				}
				if _, err := pick(i).Count(t.Context(), in(i%Partitions, batches...)); err != nil {
					return err
				}
				last = batch
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, p := range shows {
		for i := range p.Polls {
			requireRecount(t, stores[0], p, i)
		}
	}
}

// requireRecount compares a poll's tallies and words with a count of its votes list.
func requireRecount(t *testing.T, s Store, p poll.Presentation, index int) {
	t.Helper()
	answers, r := list(t, s, p, index), results(t, s, p, index)
	counts := make([]int64, len(r.Options))
	words := map[string]int64{}
	for _, a := range answers {
		if r.Kind.FreeText() {
			for _, word := range r.Kind.Words(a.Answer) {
				words[word]++
			}
		}
		for _, key := range a.Answer.Keys() {
			for i, o := range r.Options {
				if o.Key == key {
					counts[i]++
				}
			}
		}
	}
	require.Equal(t, counts, r.Counts)
	requireWords(t, s, r, words)
	require.EqualValues(t, len(answers), r.Voters)
	if store, ok := s.(poll.RecountStore); ok {
		differing, err := store.Recount(t.Context(), p.Polls[index].ID, false)
		require.NoError(t, err)
		require.Empty(t, differing)
	}
}

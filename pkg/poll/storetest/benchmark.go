package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Benchmark measures how many votes a second one worker counts, in batches of 1, 100 and 5000, from new voters and
// from voters who change their minds; and from voters who write words, some of them new ones, and change their minds.
func Benchmark(b *testing.B, open func(b *testing.B) poll.Store) {
	for _, size := range []struct {
		name  string
		votes int
	}{{"1", 1}, {"100", 100}, {"5000", 5000}} {
		b.Run("new/"+size.name, func(b *testing.B) { benchmark(b, open(b), size.votes, true, poll.Choice) })
		b.Run("changed/"+size.name, func(b *testing.B) { benchmark(b, open(b), size.votes, false, poll.Choice) })
		b.Run("words/"+size.name, func(b *testing.B) { benchmark(b, open(b), size.votes, false, poll.WordCloud) })
	}
}

func benchmark(b *testing.B, store poll.Store, size int, fresh bool, kind poll.Kind) {
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	ctx := b.Context()
	require.NoError(b, store.Partitions(ctx, 1))
	asked := poll.Poll{Question: "Which?", Options: options("A", "B", "C", "D")}
	if kind.FreeText() {
		asked = poll.Poll{Question: "Where?", Kind: kind}
	}
	p, err := poll.New("", []poll.Poll{asked})
	require.NoError(b, err)
	p.JoinCode = p.ID.String()
	require.NoError(b, p.Open(0))
	require.NoError(b, store.Create(ctx, p))
	batch := poll.Batch{Votes: make([]poll.Vote, size)}
	for i := range batch.Votes {
		batch.Votes[i] = poll.Vote{ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(), Version: 1, Answer: "A"}
	}
	round := 0
	next := func() {
		batch.ID = uuid.New()
		round++
		for i := range batch.Votes {
			v := &batch.Votes[i]
			v.Answer = []poll.Answer{"A", "B", "C", "D"}[(i+round)%4]
			if kind.FreeText() && i%10 == 0 {
				v.Answer = poll.Answer(fmt.Sprintf("Place %d", rand.IntN(10_000)))
			}
			if fresh {
				v.VoterID = uuid.New()
			}
		}
	}
	_, err = store.Count(ctx, 0, []poll.Batch{batch})
	require.NoError(b, err)
	for b.Loop() {
		next() // part of what is measured, and small beside it
		if _, err := store.Count(ctx, 0, []poll.Batch{batch}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "votes/s")
}

package pollpg

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// The bounds are what was measured when they were written.
func TestTheArraysOfATransactionAllocateNothingPerVote(t *testing.T) {
	batch := votes(uuid.New(), "A", voters(5000))
	rows := make([]*poll.Vote, len(batch.Votes))
	for i := range rows {
		rows[i] = &batch.Votes[i]
	}
	states := []poll.PollState{{PollID: batch.Votes[0].PollID,
		State: poll.State{Status: poll.Open, Counts: []int64{1, 2}}}}
	words := make([]poll.WordChange, 1000)
	for i := range words {
		words[i] = poll.WordChange{PollID: states[0].PollID,
			WordMove: question.WordMove{Word: "rome", By: 1,
				Spellings: []question.SpellingMove{{Spelling: "Rome", By: 1}}}}
	}
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { voteArrays(rows) }), 13.0,
		"an array and its place for each column")
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { wordArrays(words) }), 26.0)
	require.Zero(t, testing.AllocsPerRun(10, func() { wordArrays(nil) }),
		"polls of other kinds have none")
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { _, _ = stateArrays(states) }), 18.0,
		"and the counts of a poll")
}

func BenchmarkArrays(b *testing.B) {
	batch := votes(uuid.New(), "A", voters(5000))
	rows := make([]*poll.Vote, len(batch.Votes))
	for i := range rows {
		rows[i] = &batch.Votes[i]
	}
	b.ReportAllocs()
	for b.Loop() {
		voteArrays(rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/vote")
}

package queue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// someVotes is a batch of votes of one slide, as nearly all are.
func someVotes(n int, answer question.Answer) *poll.Batch {
	b := &poll.Batch{ID: id(1), Votes: make([]poll.Vote, n)}
	for i := range b.Votes {
		b.Votes[i] = poll.Vote{ID: id(2), PollID: id(3), VoterID: id(byte(i)), Version: 1, Answer: answer}
	}
	return b
}

// The bounds are what was measured when they were written. A key of one letter, as the pages give them, needs no memory of
// its own.
func TestEncodingAllocatesPerBatchAndDecodingAlsoLongAnswers(t *testing.T) {
	for _, n := range []int{1, 500} {
		b := someVotes(n, "A")
		buf, err := Encode(nil, b)
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = Encode(buf[:0], b) }), 2.0, "the slides, of %d votes", n)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = Decode(buf) }), 1.0, "the votes, %d of them", n)
		long, err := Encode(nil, someVotes(n, "yes"))
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = Decode(long) }), float64(1+n), "%d votes, and an answer each", n)

		reply := Reply{BatchID: b.ID, Verdicts: make([]poll.Verdict, n)}
		data := EncodeReplies(nil, reply)
		require.Zero(t, testing.AllocsPerRun(100, func() { data = EncodeReplies(data[:0], reply) }))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = DecodeReplies(data) }), 2.0, "the replies, and the verdicts of one")
	}
}

func BenchmarkEncode(b *testing.B) {
	batch := someVotes(500, "A")
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = Encode(buf[:0], batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Votes)), "ns/vote")
}

func BenchmarkDecode(b *testing.B) {
	batch := someVotes(500, "A")
	buf, err := Encode(nil, batch)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Votes)), "ns/vote")
}

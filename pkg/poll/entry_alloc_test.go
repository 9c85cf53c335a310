package poll_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// someVotes is a batch of votes of one slide, as nearly all are.
func someVotes(n int, answer question.Answer) *poll.Batch {
	b := &poll.Batch{ID: id(1), Votes: make([]poll.Vote, n)}
	for i := range b.Votes {
		b.Votes[i] = poll.Vote{ID: id(2), PollID: id(3), VoterID: id(byte(i)),
			Version: 1, Answer: answer}
	}
	return b
}

// The bounds are what was measured when they were written. A key of one letter, as the pages give
// them, needs no memory of its own.
func TestEncodingAllocatesPerBatchAndDecodingAlsoLongAnswers(t *testing.T) {
	for _, n := range []int{1, 500} {
		b := someVotes(n, "A")
		e, err := poll.EncodeBatch(nil, b)
		require.NoError(t, err)
		require.LessOrEqual(t,
			testing.AllocsPerRun(100,
				func() {
					_, _ = poll.EncodeBatch(e.Body[:0],
						b)
				}), 2.0, "the slides, of %d votes", n)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = poll.DecodeBatch(e) }),
			1.0, "the votes, %d of them", n)
		long, err := poll.EncodeBatch(nil, someVotes(n, "yes"))
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = poll.DecodeBatch(long) }),
			float64(1+n), "%d votes, and an answer each", n)

		reply := queue.Reply{EntryID: b.ID, Body: poll.EncodeVerdicts(make([]poll.Verdict, n))}
		data, err := queue.EncodeReplies(nil, reply)
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			replies, _ := queue.DecodeReplies(data)
			poll.DecodeVerdicts(replies[0].Body)
		}), 2.0, "the replies, and the verdicts of one")
	}
}

func BenchmarkEncode(b *testing.B) {
	batch := someVotes(500, "A")
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		e, _ := poll.EncodeBatch(buf[:0], batch)
		buf = e.Body
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Votes)), "ns/vote")
}

func BenchmarkDecode(b *testing.B) {
	batch := someVotes(500, "A")
	e, err := poll.EncodeBatch(nil, batch)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := poll.DecodeBatch(e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Votes)), "ns/vote")
}

package poll_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// someBatches are n votes of different voters for one poll, as they come: in batches of at most
// 500.
func someBatches(n int) (batches []poll.Batch) {
	for len(batches)*500 < n {
		b := batch()
		for i := range min(500, n-len(batches)*500) {
			voter := uuid.UUID{0: byte(i), 1: byte(i >> 8), 2: byte(len(batches))}
			b.Votes = append(b.Votes,
				poll.Vote{PollID: pollA, VoterID: voter, Version: 1,
					Answer: question.Answer(keys[i%len(keys)])})
		}
		batches = append(batches, b)
	}
	return batches
}

// countAll takes batches through a ledger as a store does; old are the votes that their voters
// have.
func countAll(batches []poll.Batch, fresh map[uuid.UUID]bool,
	old []poll.Vote) (written []*poll.Vote) {
	l := poll.NewLedger(batches)
	for _, id := range l.Polls() {
		l.Load(talk, id, question.Multiple, keys,
			poll.State{Status: poll.Open, Opened: 1, Counts: make([]int64, len(keys))})
	}
	l.Walk(fresh)
	for _, v := range old {
		l.Old(v)
	}
	written, _, _, _ = l.Settle()
	return written
}

// ledgers are what a ledger may meet: voters who had no vote, and voters who had another.
func ledgers(n int) map[string]func() []*poll.Vote {
	batches, fresh := someBatches(n), map[uuid.UUID]bool{}
	var old []poll.Vote
	for _, b := range batches {
		fresh[b.ID] = true
		for _, v := range b.Votes {
			v.Answer = "C"
			old = append(old, v)
		}
	}
	return map[string]func() []*poll.Vote{
		"new":     func() []*poll.Vote { return countAll(batches, fresh, nil) },
		"changed": func() []*poll.Vote { return countAll(batches, fresh, old) },
	}
}

// The bounds are what was measured when they were written, and a few more. A ledger allocates:
//   - verdicts for each of ten batches
//   - room for the votes and for those that they replace
//   - what a transaction needs once
func TestALedgerAllocatesPerBatchAndNotPerVote(t *testing.T) {
	for name, count := range ledgers(5000) {
		require.Len(t, count(), 5000)
		require.LessOrEqual(t, testing.AllocsPerRun(10, func() { count() }), 50.0, name)
	}
}

func BenchmarkLedger(b *testing.B) {
	for name, count := range ledgers(5000) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				count()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*5000), "ns/vote")
		})
	}
}

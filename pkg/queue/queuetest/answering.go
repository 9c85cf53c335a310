package queuetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

var verdicts = []poll.Verdict{poll.Counted, poll.Late, poll.Superseded, poll.Rejected}

var answering = []promise{
	{name: "a reply reaches the publisher of the batch with its verdicts in order", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, s.another(t, l), 0)
		for range 100 {
			b := votes(len(verdicts))
			publish(t, l, 0, b)
			d := next(t, sub)
			r := queue.Reply{BatchID: b.ID, Verdicts: verdicts}
			require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
			require.Equal(t, r, receive(t, l.Replies(), "the reply"))
		}
	}},
	{name: "a reply reaches no other publisher", asks: durable, test: func(t *testing.T, s *suite) {
		const n = 50
		logs := []queue.Log{s.open(t), s.open(t)}
		sub := subscribe(t, s.open(t), 0)
		var sent [2]map[uuid.UUID]bool
		for i, l := range logs {
			sent[i] = map[uuid.UUID]bool{}
			for range n {
				b := votes(1)
				sent[i][b.ID] = true
				publish(t, l, 0, b)
			}
		}
		for range n * len(logs) {
			d := next(t, sub)
			require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, queue.Reply{BatchID: d.Batch.ID, Verdicts: verdicts[:1]}))
		}
		for i, l := range logs {
			for range n {
				r := receive(t, l.Replies(), "a reply")
				require.True(t, sent[i][r.BatchID], "a reply to the other one")
				delete(sent[i], r.BatchID)
			}
		}
	}},
	{name: "a reply to a publisher that is gone is harmless", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		_ = sub.Reply(t.Context(), "nobody", queue.Reply{BatchID: uuid.New(), Verdicts: verdicts})
		b := votes(1)
		publish(t, l, 0, b)
		r := queue.Reply{BatchID: b.ID, Verdicts: verdicts[:1]}
		require.NoError(t, sub.Reply(t.Context(), next(t, sub).ReplyTo, r))
		require.Equal(t, r, receive(t, l.Replies(), "the reply"))
		require.NoError(t, l.Ping(t.Context()))
	}},
	{name: "a publisher that reads no replies holds up nobody", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, s.another(t, l), 0)
		publish(t, l, 0, votes(1))
		to := next(t, sub).ReplyTo
		for range 20_000 {
			_ = sub.Reply(t.Context(), to, queue.Reply{BatchID: uuid.New(), Verdicts: verdicts})
		}
		publish(t, l, 0, numbered(7))
		require.Equal(t, 7, numberOf(next(t, sub)))
	}},
}

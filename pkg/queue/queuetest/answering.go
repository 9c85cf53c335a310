package queuetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

var answer = []byte{1, 3, 2, 4}

var answering = []promise{
	{name: "a reply reaches the publisher of the entry as it was sent",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, s.another(t, l), 0)
			for range 100 {
				e := sized(len(answer))
				publish(t, l, 0, e)
				d := next(t, sub)
				r := queue.Reply{EntryID: e.ID, Body: answer}
				require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
				require.Equal(t, r, receive(t, l.Replies(), "the reply"))
			}
		}},
	{name: "a reply reaches no other publisher", asks: durable, test: func(t *testing.T, s *suite) {
		const n = 50
		logs := []log{s.open(t), s.open(t)}
		sub := subscribe(t, s.open(t), 0)
		var sent [2]map[uuid.UUID]bool
		for i, l := range logs {
			sent[i] = map[uuid.UUID]bool{}
			for range n {
				e := sized(1)
				sent[i][e.ID] = true
				publish(t, l, 0, e)
			}
		}
		for range n * len(logs) {
			d := next(t, sub)
			require.NoError(t, sub.Reply(t.Context(), d.ReplyTo,
				queue.Reply{EntryID: d.Entry.ID, Body: answer[:1]}))
		}
		for i, l := range logs {
			for range n {
				r := receive(t, l.Replies(), "a reply")
				require.True(t, sent[i][r.EntryID], "a reply to the other one")
				delete(sent[i], r.EntryID)
			}
		}
	}},
	{name: "a reply to a publisher that is gone is harmless", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		_ = sub.Reply(t.Context(), "nobody", queue.Reply{EntryID: uuid.New(), Body: answer})
		e := sized(1)
		publish(t, l, 0, e)
		r := queue.Reply{EntryID: e.ID, Body: answer[:1]}
		require.NoError(t, sub.Reply(t.Context(), next(t, sub).ReplyTo, r))
		require.Equal(t, r, receive(t, l.Replies(), "the reply"))
		require.NoError(t, l.Ping(t.Context()))
	}},
	{name: "a publisher that reads no replies holds up nobody", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, s.another(t, l), 0)
		publish(t, l, 0, sized(1))
		to := next(t, sub).ReplyTo
		for range 20_000 {
			_ = sub.Reply(t.Context(), to, queue.Reply{EntryID: uuid.New(), Body: answer})
		}
		publish(t, l, 0, numbered(7))
		require.Equal(t, 7, numberOf(next(t, sub)))
	}},
}

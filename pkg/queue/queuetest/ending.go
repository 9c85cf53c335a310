package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

var ending = []promise{
	{name: "an open log answers the ping and a closed one does not",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			require.NoError(t, l.Ping(t.Context()))
			require.NoError(t, l.Close())
			require.Equal(t, fault.Unavailable, fault.CodeOf(l.Ping(t.Context())))
		}},
	{name: "closing the log ends everything", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		publish(t, l, 0, numbered(1))
		d := next(t, sub)
		require.NoError(t, l.Close())
		closes(t, sub.Deliveries(), "Deliveries")
		closes(t, l.Replies(), "Replies")
		require.Error(t, sub.Ack(d.Tag))
		require.Error(t, sub.Reply(t.Context(), d.ReplyTo, queue.Reply{EntryID: d.Entry.ID}))
		require.NoError(t, sub.Close())
		require.ErrorIs(t, l.Publish(t.Context(), 0, numbered(2), neverConfirmed(t)),
			queue.ErrRefused)
		_, err := l.Subscribe(t.Context(), 0)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	}},
	{name: "a subscription that nobody reads can be closed", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		for i := range 1500 {
			publish(t, l, 0, numbered(i))
		}
		next(t, sub)
		require.NoError(t, sub.Close())
		closes(t, sub.Deliveries(), "Deliveries")
		require.Equal(t, 0, numberOf(next(t, subscribe(t, l, 0))))
	}},
	{name: "a log whose subscriptions and replies nobody reads can be closed",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 0)
			publish(t, l, 0, sized(1))
			to := next(t, sub).ReplyTo
			for i := range 2000 {
				publish(t, l, 0, numbered(i))
				_ = sub.Reply(t.Context(), to, queue.Reply{})
			}
			require.NoError(t, l.Close())
		}},
	{name: "what was not confirmed when the log is closed is unknown",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			require.NoError(t, l.Ping(t.Context()))
			if s.Remote {
				s.Stall() // else the confirm may come first
			}
			outcomes := make([]<-chan error, 10)
			for i := range outcomes {
				outcomes[i] = publish(t, l, i%Partitions, numbered(i))
			}
			require.NoError(t, l.Close())
			for _, outcome := range outcomes {
				require.ErrorIs(t, receive(t, outcome, "the outcome"), queue.ErrUnknown)
			}
		}},
}

package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

var streaming = []promise{
	{name: "a stream that the log was not opened with is an error",
		test: func(t *testing.T, s *suite) {
			_, err := s.open(t).Log.Stream("unheard")
			require.ErrorContains(t, err, "unheard")
		}},
	{name: "two streams of a log do not see each other", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		both := []log{l, l.other(t)}
		for i, l := range both {
			require.Equal(t, l.Stream, logOf(t, l.Log, Streams[i]).Stream, "always the same one")
			publish(t, l, 0, numbered(i))
			publish(t, l, 0, numbered(i+10))
		}
		for i, l := range both {
			reader := logOf(t, s.another(t, l).Log, Streams[i])
			sub := subscribe(t, reader, 0)
			d := next(t, sub)
			require.Equal(t, i, numberOf(d))
			r := queue.Reply{EntryID: d.Entry.ID, Body: answer[:i+1]}
			require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
			require.Equal(t, r, receive(t, l.Replies(), "the reply"))
			require.NoError(t, sub.Ack(d.Tag))
			d = next(t, sub)
			require.Equal(t, i+10, numberOf(d))
			require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
			require.NoError(t, sub.Ack(d.Tag))
			require.Empty(t, sub.Deliveries())
			require.NoError(t, sub.Close())
		}
		for i, l := range both {
			all := letters(t, l)
			require.Len(t, all, 1)
			e, err := queue.Decode(all[0].Raw)
			require.NoError(t, err)
			require.Equal(t, i+10, numberOf(queue.Delivery{Entry: e}))
		}
		require.Equal(t, []error{nil}, visit(t, both[1], queue.Replay))
		require.Equal(t, 11, numberOf(next(t, subscribe(t, both[1], 0))))
		require.Len(t, letters(t, both[0]), 1)
		require.Empty(t, letters(t, both[1]))
		require.Empty(t, subscribe(t, both[0], 0).Deliveries())
	}},
	{name: "closing the log ends all its streams", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		other := l.other(t)
		sub := subscribe(t, other, 0)
		require.NoError(t, l.Close())
		closes(t, sub.Deliveries(), "Deliveries")
		closes(t, other.Replies(), "Replies")
		require.ErrorIs(t, other.Publish(t.Context(), 0, numbered(1), neverConfirmed(t)),
			queue.ErrRefused)
	}},
}

package queuetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

var failing = []promise{
	{name: "what was not confirmed when the connection breaks is unknown and never published again",
		asks: remote, test: func(t *testing.T, s *suite) {
			const n = 200
			l := s.open(t)
			s.Stall()
			outcomes := make([]<-chan error, n)
			for i := range outcomes {
				outcomes[i] = publish(t, l, 0, numbered(i))
			}
			s.Cut()
			for _, outcome := range outcomes {
				require.ErrorIs(t, receive(t, outcome, "the outcome"), queue.ErrUnknown)
			}
			works(t, l)
			require.NoError(t, receive(t, publish(t, l, 0, numbered(n)), "the confirm"))
			sub := subscribe(t, l, 0)
			for last := -1; last < n; {
				number := numberOf(next(t, sub))
				require.Greater(t, number, last, "in order, and none twice")
				last = number
			}
		}},
	{name: "while the connection is away a batch is refused at once", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			s.Stall()
			outcome := publish(t, l, 0, numbered(0))
			s.Cut()
			require.ErrorIs(t, receive(t, outcome, "the outcome"), queue.ErrUnknown)
			// The connection may be back already; if not, the answer is a refusal, and either comes
			// without waiting.
			if err := l.Publish(t.Context(), 0, numbered(1), func(error) {}); err != nil {
				require.ErrorIs(t, err, queue.ErrRefused)
			}
			works(t, l)
		}},
	{name: "replies come again after the connection broke", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for range 3 {
				works(t, l)
				sub := subscribe(t, l, 0)
				e := sized(1)
				require.NoError(t, receive(t, publish(t, l, 0, e), "the confirm"))
				d := next(t, sub)
				r := queue.Reply{EntryID: e.ID, Body: answer[:1]}
				require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
				require.Equal(t, r, receive(t, l.Replies(), "the reply"))
				require.NoError(t, sub.Ack(d.Tag))
				require.NoError(t, sub.Close())
				s.Cut()
				closes(t, sub.Deliveries(), "Deliveries")
			}
		}},
	{name: "a subscription ends with its connection and the next goes on after the last " +
		"acknowledged entry", asks: remote, test: func(t *testing.T, s *suite) {
		const n = 3000
		l := s.open(t)
		for i := range n {
			publish(t, l, 0, numbered(i))
		}
		require.NoError(t, receive(t, publish(t, l, 0, numbered(n)), "the last confirm"))
		acked := 0
		for range 4 {
			works(t, l)
			sub := subscribe(t, l, 0)
			first := numberOf(next(t, sub))
			require.LessOrEqual(t, first, acked, "nothing is left out")
			read := first + 1
			var last queue.Delivery
			for range 400 {
				last = next(t, sub)
				require.Equal(t, read, numberOf(last))
				read++
			}
			require.NoError(t, sub.Ack(last.Tag)) // it may get lost
			acked = read
			for range 20 {
				next(t, sub)
			}
			s.Cut()
			closes(t, sub.Deliveries(), "Deliveries")
			_ = sub.Ack(last.Tag + 1)
			require.NoError(t, sub.Close())
		}
		works(t, l)
		sub := subscribe(t, l, 0)
		d := next(t, sub)
		require.LessOrEqual(t, numberOf(d), acked)
		for numberOf(d) < n {
			require.NoError(t, sub.Ack(d.Tag))
			last := numberOf(d)
			d = next(t, sub)
			require.Equal(t, last+1, numberOf(d))
		}
	}},
	{name: "the next subscriber after a broken connection begins with the first " +
		"unacknowledged entry", asks: remote, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		var outcome <-chan error
		for i := range 1000 {
			outcome = publish(t, l, 0, numbered(i))
		}
		require.NoError(t, receive(t, outcome, "the last confirm"))
		for i := range 300 {
			require.Equal(t, i, numberOf(next(t, sub)))
		}
		s.Cut()
		closes(t, sub.Deliveries(), "Deliveries")
		heir := subscribe(t, s.open(t), 0)
		for i := range 1000 {
			d := next(t, heir)
			require.Equal(t, i, numberOf(d), "nothing was acknowledged")
			require.NoError(t, heir.Ack(d.Tag))
		}
	}},
	{name: "a batch that nothing would take is refused", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			require.NoError(t, receive(t, publish(t, l, 1, numbered(1)), "the confirm"))
			s.Delete(t, 1)
			// returned and then confirmed, in one go: neither may be taken for the other
			for range 500 {
				var outcomes []<-chan error
				for i := range 10 {
					outcomes = append(outcomes, publish(t, l, 1, numbered(i)))
				}
				for _, outcome := range outcomes {
					require.ErrorIs(t, receive(t, outcome, "the outcome"), queue.ErrRefused)
				}
			}
			require.NoError(t, receive(t, publish(t, l, 0, numbered(1)),
				"another partition's confirm"))
		}},
	{name: "deleting the log ends its subscription and subscribing makes it again", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 1)
			s.Delete(t, 1)
			closes(t, sub.Deliveries(), "Deliveries")
			require.NoError(t, sub.Close())
			sub = subscribe(t, l, 1)
			publish(t, l, 1, numbered(1))
			require.Equal(t, 1, numberOf(next(t, sub)))
		}},
	{name: "what is said to a broken connection fails and does not wait", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 0)
			publish(t, l, 0, numbered(1))
			d := next(t, sub)
			s.Cut()
			closes(t, sub.Deliveries(), "Deliveries")
			_ = sub.Ack(d.Tag)
			_ = sub.Reply(t.Context(), d.ReplyTo, queue.Reply{EntryID: uuid.New()})
			require.NoError(t, sub.Close())
			works(t, l)
		}},
}

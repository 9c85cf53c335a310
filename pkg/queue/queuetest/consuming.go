package queuetest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

var consuming = []promise{
	{name: "the next subscriber goes on exactly after the last acknowledged entry",
		test: func(t *testing.T, s *suite) {
			const n, heirs = 4000, 8 // each leaves with all entries out that may be
			l := s.open(t)
			subs := make([]queue.Subscription, heirs)
			for i := range subs {
				subs[i] = subscribe(t, s.another(t, l), 0)
			}
			for i := range n {
				publish(t, l, 0, numbered(i))
			}
			acked := 0
			for i, sub := range subs {
				read := acked
				for range 300 + 20*i {
					require.Equal(t, read, numberOf(next(t, sub)), "subscriber %d", i)
					read++
				}
				ack := next(t, sub) // all of the above with one ack, and what follows not
				acked = read + 1
				for range 10 {
					next(t, sub)
				}
				require.NoError(t, sub.Ack(ack.Tag))
				require.NoError(t, sub.Close())
				closes(t, sub.Deliveries(), "Deliveries")
			}
			last := subscribe(t, s.another(t, l), 0)
			for ; acked < n; acked++ {
				d := next(t, last)
				require.Equal(t, acked, numberOf(d))
				require.NoError(t, last.Ack(d.Tag))
			}
		}},
	{name: "only one of several subscribers gets entries", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		first, second := subscribe(t, l, 0), subscribe(t, s.another(t, l), 0)
		for i := range 100 {
			publish(t, l, 0, numbered(i))
			require.Equal(t, i, numberOf(next(t, first)))
		}
		require.Empty(t, second.Deliveries())
		require.NoError(t, second.Close())
		publish(t, l, 0, numbered(100))
		require.Equal(t, 100, numberOf(next(t, first)))
	}},
	{name: "an acknowledged entry does not come again", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		for i := range 10 {
			publish(t, l, 0, numbered(i))
			require.NoError(t, sub.Ack(next(t, sub).Tag))
		}
		require.NoError(t, sub.Close())
		publish(t, l, 0, numbered(10))
		require.Equal(t, 10, numberOf(next(t, subscribe(t, l, 0))))
	}},
	{name: "an entry comes again until it is acknowledged however often",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			publish(t, l, 0, numbered(1))
			for range 30 { // RabbitMQ 4 drops after 20 unless told otherwise
				sub := subscribe(t, l, 0)
				require.Equal(t, 1, numberOf(next(t, sub)))
				require.NoError(t, sub.Close())
			}
		}},
	{name: "a log that was closed leaves its entries to the next one", asks: durable,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			outcome := publish(t, l, 0, numbered(1))
			require.NoError(t, receive(t, outcome, "the confirm"))
			require.NoError(t, l.Close())
			require.Equal(t, 1, numberOf(next(t, subscribe(t, s.open(t), 0))))
		}},
	{name: "a log is alone", asks: alone, test: func(t *testing.T, s *suite) {
		publish(t, s.open(t), 0, numbered(1))
		other := s.open(t)
		sub := subscribe(t, other, 0)
		publish(t, other, 0, numbered(2))
		require.Equal(t, 2, numberOf(next(t, sub)))
	}},
	{name: "an entry that cannot be decoded comes as it is and its neighbours too", asks: foreign,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			publish(t, l, 0, numbered(1))
			junk := []byte(`{"vote":"A"}`)
			s.Inject(t, 0, "junk-1", junk)
			publish(t, l, 0, numbered(2))
			sub := subscribe(t, l, 0)
			require.Equal(t, 1, numberOf(next(t, sub)))
			d := receive(t, sub.Deliveries(), "the entry")
			require.ErrorIs(t, d.Err, queue.ErrMalformed)
			require.Equal(t, junk, d.Raw)
			require.Zero(t, d.Entry)
			require.NoError(t, sub.DeadLetter(t.Context(), d, "it is no batch"))
			require.NoError(t, sub.Ack(d.Tag))
			require.Equal(t, 2, numberOf(next(t, sub)))
			require.Equal(t, []DeadLetter{{"junk-1", "it is no batch", junk}}, s.DeadLetters(t))
		}},
	{name: "an entry that cannot be decoded is acknowledged alone and keeps its place until then",
		asks: foreign, test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for i := range 3 {
				publish(t, l, 0, numbered(i))
				s.Inject(t, 0, "", []byte("junk"))
			}
			sub := subscribe(t, l, 0)
			var last queue.Delivery
			for range 6 {
				d := receive(t, sub.Deliveries(), "an entry")
				if d.Err == nil {
					last = d
				}
			}
			require.NoError(t, sub.Ack(last.Tag))
			require.NoError(t, sub.Close())
			publish(t, l, 0, numbered(3))
			sub = subscribe(t, l, 0)
			var junk []queue.Delivery
			for range 3 {
				d := receive(t, sub.Deliveries(), "the junk")
				require.Equal(t, "junk", string(d.Raw))
				junk = append(junk, d)
			}
			require.Equal(t, 3, numberOf(next(t, sub)))
			require.NoError(t, sub.Ack(junk[1].Tag))
			require.NoError(t, sub.Close())
			sub = subscribe(t, l, 0)
			for range 2 {
				require.Error(t, receive(t, sub.Deliveries(), "the junk").Err)
			}
			require.Equal(t, 3, numberOf(next(t, sub)))
		}},
	{name: "an entry of a newer version says so and stays for a newer reader", asks: foreign,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			newer, err := queue.Encode(nil, numbered(1))
			require.NoError(t, err)
			newer[3] = 200
			s.Inject(t, 0, "", newer)
			for range 2 {
				sub := subscribe(t, l, 0)
				d := receive(t, sub.Deliveries(), "the entry")
				require.ErrorIs(t, d.Err, queue.ErrVersion)
				require.True(t, bytes.Equal(newer, d.Raw))
				require.NoError(t, sub.Close())
			}
		}},
	{name: "a held entry is acknowledged alone and keeps its place until then",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for i := range 6 {
				publish(t, l, 0, numbered(i))
			}
			sub := subscribe(t, l, 0)
			var last queue.Delivery
			for i := range 6 {
				if d := next(t, sub); i%2 == 1 {
					sub.Hold(d.Tag)
					sub.Hold(d.Tag)
				} else {
					last = d
				}
			}
			require.NoError(t, sub.Ack(last.Tag))
			require.NoError(t, sub.Close())
			publish(t, l, 0, numbered(6))
			sub = subscribe(t, l, 0)
			var held []queue.Delivery
			for i := range 3 {
				d := next(t, sub)
				require.Equal(t, 2*i+1, numberOf(d))
				sub.Hold(d.Tag)
				held = append(held, d)
			}
			require.Equal(t, 6, numberOf(next(t, sub)))
			require.NoError(t, sub.DeadLetter(t.Context(), held[1], "why"))
			require.NoError(t, sub.Ack(held[1].Tag))
			require.NoError(t, sub.Close())
			sub = subscribe(t, l, 0)
			for _, want := range []int{1, 5, 6} {
				d := next(t, sub)
				require.Equal(t, want, numberOf(d))
				require.NoError(t, sub.Ack(d.Tag), "nobody holds it any more")
			}
		}},
}

package queuetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

// unnamed are partitions that the log was not opened with.
var unnamed = []int{Partitions, Partitions + 4, queue.MaxPartitions - 1}

// meeting is about partitions that were added after a process began.
var meeting = []promise{
	{name: "a partition that nobody named before can be published to and followed",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			reader := s.another(t, l)
			for i, partition := range unnamed {
				outcome := publish(t, l, partition, numbered(i))
				sub := subscribe(t, reader, partition)
				d := next(t, sub)
				require.Equal(t, i, numberOf(d))
				r := queue.Reply{EntryID: d.Entry.ID, Body: answer[:1]}
				require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
				require.NoError(t, sub.Ack(d.Tag))
				require.NoError(t, receive(t, outcome, "the confirm"))
				require.Equal(t, r, receive(t, l.Replies(), "the reply"))
			}
		}},
	{name: "a partition that nobody named before can be followed before it is published to",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, s.another(t, l), unnamed[0])
			publish(t, l, unnamed[0], numbered(7))
			require.Equal(t, 7, numberOf(next(t, sub)))
		}},
	{name: "of many who name a partition first each is served in order",
		test: func(t *testing.T, s *suite) {
			const writers, each = 8, 20
			l := s.open(t)
			var wg sync.WaitGroup
			defer wg.Wait()
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						e := numbered(w*each + i)
						err := l.Publish(t.Context(), unnamed[1], e, func(error) {})
						if err != nil {
							t.Errorf("writer %d, entry %d: %v", w, i, err)
						}
					}
				})
			}
			sub := subscribe(t, s.another(t, l), unnamed[1])
			var seen [writers]int
			for range writers * each {
				n := numberOf(next(t, sub))
				require.Equal(t, seen[n/each], n%each, "writer %d", n/each)
				seen[n/each]++
			}
		}},
	{name: "letters of a partition that nobody named before are listed and replayed",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			publish(t, l, unnamed[2], numbered(5))
			sub := subscribe(t, l, unnamed[2])
			d := next(t, sub)
			require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
			require.NoError(t, sub.Ack(d.Tag))
			operator := s.another(t, l)
			all := letters(t, operator)
			require.Len(t, all, 1)
			require.Equal(t, unnamed[2], all[0].Partition)
			require.Equal(t, []error{nil}, visit(t, operator, queue.Replay))
			d = next(t, sub)
			require.Equal(t, 5, numberOf(d))
			require.True(t, d.Entry.Replayed)
		}},
	{name: "a closed log takes nothing for a partition that nobody named before",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			require.NoError(t, l.Close())
			err := l.Publish(t.Context(), unnamed[0], numbered(1), neverConfirmed(t))
			require.ErrorIs(t, err, queue.ErrRefused)
			_, err = l.Subscribe(t.Context(), unnamed[0])
			require.Error(t, err)
		}},
	{name: "a partition that was met works again after the connection broke", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			publish(t, l, unnamed[0], numbered(1))
			s.Cut()
			works(t, l)
			require.NoError(t, receive(t, publish(t, l, unnamed[0], numbered(2)), "the confirm"))
			sub := subscribe(t, l, unnamed[0])
			d := next(t, sub)
			if numberOf(d) == 1 { // what was on its way when the connection broke may be lost
				d = next(t, sub)
			}
			require.Equal(t, 2, numberOf(d))
		}},
}

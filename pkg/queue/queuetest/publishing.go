package queuetest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

var publishing = []promise{
	{name: "entries of any type and size arrive as they were published",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, s.another(t, l), 0)
			var last uint64
			for _, e := range []queue.Entry{sized(200_000), numbered(7), sized(1)} {
				publish(t, l, 0, e)
				d := next(t, sub)
				require.Equal(t, e, d.Entry)
				require.Nil(t, d.Raw)
				require.Greater(t, d.Tag, last)
				last = d.Tag
			}
		}},
	{name: "the order of publishing is the order of delivery in every partition",
		test: func(t *testing.T, s *suite) {
			const writers, each = 4, 300 // the writers of a partition do not wait for each other
			l := s.open(t)
			reader := s.another(t, l)
			var wg sync.WaitGroup
			defer wg.Wait()
			for p := range Partitions {
				for w := range writers {
					wg.Go(func() {
						for i := range each {
							e := numbered(w*each + i)
							e.ID[0] = byte(p)
							if err := l.Publish(t.Context(), p, e, func(err error) {
								if err != nil {
									t.Errorf("partition %d, entry %d: %v", p, i, err)
								}
							}); err != nil {
								t.Errorf("partition %d, entry %d: %v", p, i, err)
								return
							}
						}
					})
				}
			}
			for p := range Partitions {
				sub := subscribe(t, reader, p)
				var seen [writers]int
				for range writers * each {
					d := next(t, sub)
					require.Equal(t, byte(p), d.Entry.ID[0], "an entry of another partition")
					w, i := numberOf(d)/each, numberOf(d)%each
					require.Equal(t, seen[w], i, "partition %d, writer %d", p, w)
					seen[w]++
					require.NoError(t, sub.Ack(d.Tag))
				}
			}
		}},
	{name: "every entry is confirmed exactly once", test: func(t *testing.T, s *suite) {
		const n = 2000
		l := s.open(t)
		var times [n]atomic.Int32
		var all sync.WaitGroup
		all.Add(n)
		sub := subscribe(t, l, 0)
		for i := range n {
			require.NoError(t, l.Publish(t.Context(), 0, numbered(i), func(err error) {
				if err != nil {
					t.Errorf("entry %d: %v", i, err)
				}
				if times[i].Add(1) == 1 {
					all.Done()
				}
			}))
			if i%100 == 99 { // several entries with one ack
				for range 99 {
					next(t, sub)
				}
				require.NoError(t, sub.Ack(next(t, sub).Tag))
			}
		}
		confirmed := make(chan struct{})
		go func() { defer close(confirmed); all.Wait() }()
		closes(t, confirmed, "the last confirm")
		require.NoError(t, l.Close())
		for i := range n {
			require.EqualValues(t, 1, times[i].Load(), "entry %d", i)
		}
	}},
	{name: "a kept entry is confirmed though nobody reads the log", asks: durable,
		test: func(t *testing.T, s *suite) {
			require.NoError(t, receive(t, publish(t, s.open(t), 0, numbered(1)), "the confirm"))
		}},
	{name: "an entry that nothing would keep is confirmed by the acknowledgement only", asks: alone,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			outcome := publish(t, l, 0, numbered(1))
			sub := subscribe(t, l, 0)
			d := next(t, sub)
			require.Empty(t, outcome)
			require.NoError(t, sub.Ack(d.Tag))
			require.NoError(t, receive(t, outcome, "the confirm"))
		}},
	{name: "a publisher may use the bytes again once it is confirmed",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 0)
			e := sized(10)
			want := e
			want.Body = slices.Clone(e.Body)
			outcome := publish(t, l, 0, e)
			d := next(t, sub)
			require.NoError(t, sub.Ack(d.Tag))
			require.NoError(t, receive(t, outcome, "the confirm"))
			clear(e.Body)
			require.Equal(t, want, d.Entry)
		}},
	{name: "an entry that cannot be encoded is a fault and not a refusal",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			err := l.Publish(t.Context(), 0, sized(queue.MaxBytes), neverConfirmed(t))
			require.Error(t, err, "too large")
			require.NotErrorIs(t, err, queue.ErrRefused)
			require.NotErrorIs(t, err, queue.ErrUnknown)
			for _, partition := range []int{-1, queue.MaxPartitions} {
				require.Error(t, l.Publish(t.Context(), partition, numbered(1), neverConfirmed(t)))
				_, err := l.Subscribe(t.Context(), partition)
				require.Error(t, err)
			}
		}},
	{name: "an entry is refused when the time for it is over before it is written",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, l.Publish(ctx, 0, numbered(1), neverConfirmed(t)), queue.ErrRefused)
			_, err := l.Subscribe(ctx, 0)
			require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		}},
	{name: "what does not fit is refused and the log works on when there is room again",
		test: func(t *testing.T, s *suite) {
			small := s.OpenSmall(t)
			t.Cleanup(func() { require.NoError(t, small.Close()) })
			l := logOf(t, small, Streams[0])
			outcomes := make(chan error, 500)
			refused, kept := 0, 0
			for range 500 {
				if err := l.Publish(t.Context(), 0, sized(36_000),
					func(err error) { outcomes <- err }); err != nil {
					require.ErrorIs(t, err, queue.ErrRefused)
					refused++
				} else {
					kept++
				}
			}
			sub := subscribe(t, l, 0)
			for range s.firstConfirms(kept) {
				if err := receive(t, outcomes, "an outcome"); err != nil {
					require.ErrorIs(t, err, queue.ErrRefused)
					refused++
					kept--
				}
			}
			require.Positive(t, refused)
			require.Positive(t, kept, "some fit")
			for range kept {
				require.NoError(t, sub.Ack(next(t, sub).Tag))
			}
			// The broker says that there is room again a little later.
			require.Eventually(t, func() bool {
				outcome := make(chan error, 1)
				if l.Publish(t.Context(), 0, numbered(1),
					func(err error) { outcome <- err }) != nil {
					return false
				}
				if !s.Durable {
					require.NoError(t, sub.Ack(next(t, sub).Tag))
				}
				return receive(t, outcome, "an outcome") == nil
			}, patience, 10*time.Millisecond)
		}},
}

// firstConfirms is how many outcomes come before anything is acknowledged.
func (s *suite) firstConfirms(published int) int {
	if s.Durable {
		return published
	}
	return 0
}

func neverConfirmed(t testing.TB) func(error) {
	return func(err error) { t.Errorf("confirmed (%v) after an error of Publish", err) }
}

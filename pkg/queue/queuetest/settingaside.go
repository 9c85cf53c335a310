package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

var settingAside = []promise{
	{name: "only what was delivered and not acknowledged can be set aside",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 0)
			publish(t, l, 0, numbered(1))
			publish(t, l, 0, numbered(2))
			one, two := next(t, sub), next(t, sub)
			require.NoError(t, sub.Ack(one.Tag))
			require.Error(t, sub.DeadLetter(t.Context(), one, "too late"))
			require.NoError(t, sub.DeadLetter(t.Context(), two, "in time"))
			require.Error(t, sub.DeadLetter(t.Context(),
				queue.Delivery{Tag: two.Tag + 1}, "too early"))
		}},
	{name: "what is set aside is refused to its publisher when it is acknowledged and not before",
		asks: alone, test: func(t *testing.T, s *suite) {
			l := s.open(t)
			sub := subscribe(t, l, 0)
			bad, good := publish(t, l, 0, numbered(1)), publish(t, l, 0, numbered(2))
			d := next(t, sub)
			require.NoError(t, sub.DeadLetter(t.Context(), d, "it cannot be applied"))
			require.Empty(t, bad)
			require.NoError(t, sub.Ack(next(t, sub).Tag))
			err := receive(t, bad, "the outcome")
			require.ErrorIs(t, err, queue.ErrRefused)
			require.ErrorContains(t, err, "it cannot be applied")
			require.NoError(t, receive(t, good, "the neighbour's outcome"))
			require.Len(t, letters(t, l), 1)
		}},
	{name: "what was set aside and not acknowledged may be applied by the next", asks: alone,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			outcome := publish(t, l, 0, numbered(1))
			sub := subscribe(t, l, 0)
			require.NoError(t, sub.DeadLetter(t.Context(), next(t, sub), "not by me"))
			require.NoError(t, sub.Close())
			sub = subscribe(t, l, 0)
			require.NoError(t, sub.Ack(next(t, sub).Tag))
			require.NoError(t, receive(t, outcome, "the outcome"))
		}},
	{name: "an entry is set aside whole", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		e := sized(3)
		s.setAside(t, l, e, "it cannot be applied")
		publish(t, l, 1, numbered(1))
		sub := subscribe(t, l, 1)
		d := next(t, sub)
		require.NoError(t, sub.DeadLetter(t.Context(), d, "nor can this one"))
		require.NoError(t, sub.Ack(d.Tag))
		all := letters(t, l)
		require.Len(t, all, 2)
		got, err := queue.Decode(all[0].Raw)
		require.NoError(t, err)
		require.Equal(t, e, got)
		require.Equal(t, e.ID.String(), all[0].MessageID)
		require.Equal(t, "it cannot be applied", all[0].Reason)
		require.Equal(t, []int{0, 1}, []int{all[0].Partition, all[1].Partition})
		requireOwnNames(t, all)
	}},
	{name: "what cannot be decoded is set aside as it is and what is alike as well", asks: foreign,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			s.setAside(t, l, sized(3), "it cannot be applied")
			s.Inject(t, 1, "", []byte("junk"))
			s.Inject(t, 1, "", []byte("junk"))
			sub := subscribe(t, l, 1)
			for range 2 {
				d := receive(t, sub.Deliveries(), "the junk")
				require.NoError(t, sub.DeadLetter(t.Context(), d, "it is junk"))
				require.NoError(t, sub.Ack(d.Tag))
			}
			all := letters(t, l)
			require.Len(t, all, 3)
			require.Equal(t, []int{0, 1, 1},
				[]int{all[0].Partition, all[1].Partition, all[2].Partition})
			require.Equal(t, "junk", string(all[2].Raw))
			requireOwnNames(t, all)
		}},
	{name: "a letter that was kept twice is shown once and goes as one",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			e := sized(2)
			publish(t, l, 0, e)
			twice := func() {
				for range 2 { // it was not acknowledged, and comes again
					sub := subscribe(t, l, 0)
					require.NoError(t, sub.DeadLetter(t.Context(), next(t, sub), "why"))
					require.NoError(t, sub.Close())
				}
				sub := subscribe(t, l, 0)
				require.NoError(t, sub.Ack(next(t, sub).Tag))
				require.NoError(t, sub.Close())
			}
			twice()
			require.Len(t, letters(t, l), 1)
			require.Equal(t, []error{nil}, visit(t, l, queue.Replay))
			require.Empty(t, letters(t, l))
			twice()
			require.Equal(t, []error{nil}, visit(t, l, queue.Drop))
			require.Empty(t, letters(t, l))
			n, err := l.CountDeadLetters(t.Context())
			require.NoError(t, err)
			require.Zero(t, n)
			publish(t, l, 0, numbered(1))
			require.Equal(t, 1, numberOf(next(t, subscribe(t, l, 0))))
		}},
	{name: "a part of an entry is set aside in the place of the whole",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			publish(t, l, 0, sized(3))
			sub := subscribe(t, l, 0)
			d := next(t, sub)
			part := sized(1)
			d.Entry = part
			require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
			got, err := queue.Decode(letters(t, l)[0].Raw)
			require.NoError(t, err)
			require.Equal(t, part, got)
		}},
}

// setAside publishes an entry on partition 0 and makes a dead letter of it.
func (s *suite) setAside(t testing.TB, l queue.Stream, e queue.Entry, reason string) {
	t.Helper()
	outcome := publish(t, l, 0, e)
	if s.Durable {
		require.NoError(t, receive(t, outcome, "the confirm"))
	}
	setAsideNext(t, l, reason)
	if !s.Durable {
		require.ErrorIs(t, receive(t, outcome, "the outcome"), queue.ErrRefused)
	}
}

// setAsideNext makes a dead letter of the next entry of partition 0.
func setAsideNext(t testing.TB, l queue.Stream, reason string) {
	t.Helper()
	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := next(t, sub)
	require.NoError(t, sub.DeadLetter(t.Context(), d, reason))
	require.NoError(t, sub.Ack(d.Tag))
	require.NoError(t, sub.Close())
}

// requireOwnNames requires that each letter has an id of its own, and says where it is from and
// since when.
func requireOwnNames(t testing.TB, all []queue.DeadLetter) {
	t.Helper()
	ids := map[string]bool{"": true}
	for _, letter := range all {
		require.False(t, ids[letter.ID], "it has an id of its own")
		ids[letter.ID] = true
		require.NotEmpty(t, letter.Origin)
		require.False(t, letter.Time.IsZero())
		require.True(t, letter.FirstTime.Equal(letter.Time))
	}
}

// letters looks at all dead letters.
func letters(t testing.TB, l queue.DeadLetters) (all []queue.DeadLetter) {
	t.Helper()
	require.NoError(t, l.VisitDeadLetters(t.Context(), func(letter queue.DeadLetter) queue.Fate {
		all = append(all, letter)
		return queue.Keep
	}, func(queue.DeadLetter, error) { require.Fail(t, "it was kept") }))
	return all
}

// visit gives each dead letter its fate, the last of them to all that follow, and the outcomes.
func visit(t testing.TB, l queue.DeadLetters, fates ...queue.Fate) (outcomes []error) {
	t.Helper()
	require.NoError(t, l.VisitDeadLetters(t.Context(), func(queue.DeadLetter) queue.Fate {
		fate := fates[0]
		if len(fates) > 1 {
			fates = fates[1:]
		}
		return fate
	}, func(_ queue.DeadLetter, err error) { outcomes = append(outcomes, err) }))
	return outcomes
}

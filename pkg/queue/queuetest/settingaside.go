package queuetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

var settingAside = []promise{
	{name: "only what was delivered and not acknowledged can be set aside", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		publish(t, l, 0, numbered(1))
		publish(t, l, 0, numbered(2))
		one, two := next(t, sub), next(t, sub)
		require.NoError(t, sub.Ack(one.Tag))
		require.Error(t, sub.DeadLetter(t.Context(), one, "too late"))
		require.NoError(t, sub.DeadLetter(t.Context(), two, "in time"))
		require.Error(t, sub.DeadLetter(t.Context(), queue.Delivery{Tag: two.Tag + 1}, "too early"))
	}},
	{name: "what is set aside is refused to its publisher when it is acknowledged and not before", asks: givesUp, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		sub := subscribe(t, l, 0)
		bad, good := publish(t, l, 0, numbered(1)), publish(t, l, 0, numbered(2))
		d := next(t, sub)
		require.NoError(t, sub.DeadLetter(t.Context(), d, "it cannot be counted"))
		require.Empty(t, bad)
		require.NoError(t, sub.Ack(next(t, sub).Tag))
		err := receive(t, bad, "the outcome")
		require.ErrorIs(t, err, queue.ErrRefused)
		require.ErrorContains(t, err, "it cannot be counted")
		require.NoError(t, receive(t, good, "the neighbour's outcome"))
		require.Empty(t, letters(t, l))
	}},
	{name: "what was set aside and not acknowledged may be counted by the next", asks: givesUp, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		outcome := publish(t, l, 0, numbered(1))
		sub := subscribe(t, l, 0)
		require.NoError(t, sub.DeadLetter(t.Context(), next(t, sub), "not by me"))
		require.NoError(t, sub.Close())
		sub = subscribe(t, l, 0)
		require.NoError(t, sub.Ack(next(t, sub).Tag))
		require.NoError(t, receive(t, outcome, "the outcome"))
	}},
	{name: "a batch is set aside as whole as what cannot be decoded", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		b := votes(3)
		setAside(t, l, b, "it cannot be counted")
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
		got, err := queue.Decode(all[0].Raw)
		require.NoError(t, err)
		require.Equal(t, b, got)
		require.Equal(t, b.ID.String(), all[0].MessageID)
		require.Equal(t, "it cannot be counted", all[0].Reason)
		require.Equal(t, []int{0, 1, 1}, []int{all[0].Partition, all[1].Partition, all[2].Partition})
		require.Equal(t, "junk", string(all[2].Raw))
		ids := map[string]bool{"": true}
		for _, letter := range all {
			require.False(t, ids[letter.ID], "it has an id of its own")
			ids[letter.ID] = true
			require.NotEmpty(t, letter.Origin)
			require.False(t, letter.Time.IsZero())
			require.True(t, letter.FirstTime.Equal(letter.Time))
		}
	}},
	{name: "a letter that was kept twice is shown once and goes as one", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		b := votes(2)
		publish(t, l, 0, b)
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
	{name: "a part of a batch is set aside in the place of the whole", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		publish(t, l, 0, votes(3))
		sub := subscribe(t, l, 0)
		d := next(t, sub)
		part := votes(1)
		d.Batch = part
		require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
		got, err := queue.Decode(letters(t, l)[0].Raw)
		require.NoError(t, err)
		require.Equal(t, part, got)
	}},
	{name: "looking at dead letters changes nothing however often", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		for i := range 5 {
			setAside(t, l, numbered(i), "why")
		}
		first := letters(t, l)
		require.Len(t, first, 5)
		for range 30 { // RabbitMQ 4 drops after 20 unless told otherwise
			require.Equal(t, first, letters(t, l))
		}
		require.Equal(t, first, letters(t, s.open(t)), "another process sees the same")
		require.Eventually(t, func() bool {
			n, err := l.CountDeadLetters(t.Context())
			return err == nil && n == 5
		}, patience, 5*time.Millisecond)
	}},
	{name: "a replayed letter comes behind what is in the log marked and answered like any other", asks: encoded, test: func(t *testing.T, s *suite) {
		l, operator := s.open(t), s.open(t)
		b := votes(2)
		setAside(t, l, b, "why")
		publish(t, l, 0, numbered(1))
		require.Equal(t, []error{nil}, visit(t, operator, queue.Replay))
		require.Empty(t, letters(t, l))
		sub := subscribe(t, l, 0)
		require.Equal(t, 1, numberOf(next(t, sub)))
		d := next(t, sub)
		require.True(t, d.Batch.Replayed)
		d.Batch.Replayed = false
		require.Equal(t, b, d.Batch)
		r := queue.Reply{BatchID: b.ID, Verdicts: verdicts[:2]}
		require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
		require.Equal(t, r, receive(t, operator.Replies(), "the reply"))
	}},
	{name: "of letters that are replayed together the newest goes first even when an older one was set aside again", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		for i := range 3 {
			setAside(t, l, numbered(i), "why")
		}
		require.Equal(t, []error{nil}, visit(t, l, queue.Keep, queue.Replay, queue.Keep))
		setAsideNext(t, l, "again")
		require.Equal(t, []error{nil, nil, nil}, visit(t, l, queue.Replay))
		sub := subscribe(t, l, 0)
		for i := range 3 {
			require.Equal(t, 2-i, numberOf(next(t, sub)))
		}
	}},
	{name: "a letter that cannot be decoded is not replayed and stays", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		s.Inject(t, 0, "junk-1", []byte("junk"))
		sub := subscribe(t, l, 0)
		d := receive(t, sub.Deliveries(), "the junk")
		require.NoError(t, sub.DeadLetter(t.Context(), d, "it is junk"))
		require.NoError(t, sub.Ack(d.Tag))
		require.NoError(t, sub.Close())
		setAside(t, l, numbered(1), "why")
		before := letters(t, l)
		outcomes := visit(t, l, queue.Replay)
		require.Len(t, outcomes, 2)
		require.NoError(t, outcomes[0])
		require.ErrorIs(t, outcomes[1], queue.ErrMalformed)
		require.Equal(t, before[:1], letters(t, l))
		require.Equal(t, 1, numberOf(next(t, subscribe(t, l, 0))), "its neighbour went")
	}},
	{name: "a dropped letter is gone and its neighbours stay in order", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		for i := range 3 {
			setAside(t, l, numbered(i), "why")
		}
		before := letters(t, l)
		require.Equal(t, []error{nil}, visit(t, l, queue.Keep, queue.Drop, queue.Keep))
		require.Equal(t, slices.Delete(before, 1, 2), letters(t, s.another(t, l)))
	}},
	{name: "what is set aside again is a new letter and keeps its first time", asks: encoded, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		setAside(t, l, numbered(1), "at first")
		first := letters(t, l)[0]
		require.Equal(t, []error{nil}, visit(t, l, queue.Replay))
		setAsideNext(t, l, "again")
		second := letters(t, l)[0]
		require.NotEqual(t, first.ID, second.ID)
		require.Equal(t, "again", second.Reason)
		require.Equal(t, first.MessageID, second.MessageID)
		require.True(t, first.Time.Equal(second.FirstTime))
		require.True(t, second.Time.After(second.FirstTime))
	}},
	{name: "a letter whose log is gone stays until the log is back", asks: remote, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		setAside(t, l, numbered(1), "why")
		s.Delete(t, 0)
		outcomes := visit(t, l, queue.Replay)
		require.Len(t, outcomes, 1)
		require.ErrorIs(t, outcomes[0], queue.ErrRefused)
		sub := subscribe(t, l, 0) // makes it again
		require.Equal(t, []error{nil}, visit(t, l, queue.Replay))
		require.Equal(t, 1, numberOf(next(t, sub)))
	}},
	{name: "a visit that breaks off says so and loses nothing", asks: remote, test: func(t *testing.T, s *suite) {
		l := s.open(t)
		for i := range 3 {
			setAside(t, l, numbered(i), "why")
		}
		before := letters(t, l)
		err := l.VisitDeadLetters(t.Context(), func(queue.DeadLetter) queue.Fate {
			s.Cut()
			return queue.Replay
		}, func(queue.DeadLetter, error) { require.Fail(t, "nothing was done") })
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		works(t, l)
		require.Eventually(t, func() bool { // when the broker has noticed
			n, err := l.CountDeadLetters(t.Context())
			return err == nil && n == 3
		}, patience, 5*time.Millisecond)
		require.ElementsMatch(t, before, letters(t, l))
	}},
	{name: "who looks at dead letters while the log is away is told so", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		require.Empty(t, letters(t, l))
		require.NoError(t, l.Close())
		_, err := l.CountDeadLetters(t.Context())
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		err = l.VisitDeadLetters(t.Context(), func(queue.DeadLetter) queue.Fate { return queue.Drop }, func(queue.DeadLetter, error) {})
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	}},
}

// setAside publishes a batch on partition 0 and makes a dead letter of it.
func setAside(t testing.TB, l queue.Log, b poll.Batch, reason string) {
	t.Helper()
	require.NoError(t, receive(t, publish(t, l, 0, b), "the confirm"))
	setAsideNext(t, l, reason)
}

// setAsideNext makes a dead letter of the next entry of partition 0.
func setAsideNext(t testing.TB, l queue.Log, reason string) {
	t.Helper()
	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := next(t, sub)
	require.NoError(t, sub.DeadLetter(t.Context(), d, reason))
	require.NoError(t, sub.Ack(d.Tag))
	require.NoError(t, sub.Close())
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

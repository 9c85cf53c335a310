package queuetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

var replaying = []promise{
	{name: "looking at dead letters changes nothing however often",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for i := range 5 {
				s.setAside(t, l, numbered(i), "why")
			}
			first := letters(t, l)
			require.Len(t, first, 5)
			for range 30 { // RabbitMQ 4 drops after 20 unless told otherwise
				require.Equal(t, first, letters(t, l))
			}
			require.Equal(t, first, letters(t, s.another(t, l)), "another process sees the same")
			require.Eventually(t, func() bool {
				n, err := l.CountDeadLetters(t.Context())
				return err == nil && n == 5
			}, patience, 5*time.Millisecond)
		}},
	{name: "a replayed letter comes behind what is in the log marked and answered like any other",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			operator := s.another(t, l)
			e := sized(2)
			s.setAside(t, l, e, "why")
			publish(t, l, 0, numbered(1))
			require.Equal(t, []error{nil}, visit(t, operator, queue.Replay))
			require.Empty(t, letters(t, l))
			sub := subscribe(t, l, 0)
			require.Equal(t, 1, numberOf(next(t, sub)))
			d := next(t, sub)
			require.True(t, d.Entry.Replayed)
			d.Entry.Replayed = false
			require.Equal(t, e, d.Entry)
			r := queue.Reply{EntryID: e.ID, Body: answer[:2]}
			require.NoError(t, sub.Reply(t.Context(), d.ReplyTo, r))
			require.Equal(t, r, receive(t, operator.Replies(), "the reply"))
		}},
	{name: "of letters that are replayed together the newest goes first " +
		"even when an older one was set aside again", test: func(t *testing.T, s *suite) {
		l := s.open(t)
		for i := range 3 {
			s.setAside(t, l, numbered(i), "why")
		}
		require.Equal(t, []error{nil}, visit(t, l, queue.Keep, queue.Replay, queue.Keep))
		setAsideNext(t, l, "again")
		require.Equal(t, []error{nil, nil, nil}, visit(t, l, queue.Replay))
		sub := subscribe(t, l, 0)
		for i := range 3 {
			require.Equal(t, 2-i, numberOf(next(t, sub)))
		}
	}},
	{name: "a letter that cannot be decoded is not replayed and stays", asks: foreign,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			s.Inject(t, 0, "junk-1", []byte("junk"))
			sub := subscribe(t, l, 0)
			d := receive(t, sub.Deliveries(), "the junk")
			require.NoError(t, sub.DeadLetter(t.Context(), d, "it is junk"))
			require.NoError(t, sub.Ack(d.Tag))
			require.NoError(t, sub.Close())
			s.setAside(t, l, numbered(1), "why")
			before := letters(t, l)
			outcomes := visit(t, l, queue.Replay)
			require.Len(t, outcomes, 2)
			require.NoError(t, outcomes[0])
			require.ErrorIs(t, outcomes[1], queue.ErrMalformed)
			require.Equal(t, before[:1], letters(t, l))
			require.Equal(t, 1, numberOf(next(t, subscribe(t, l, 0))), "its neighbour went")
		}},
	{name: "a dropped letter is gone and its neighbours stay in order",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for i := range 3 {
				s.setAside(t, l, numbered(i), "why")
			}
			before := letters(t, l)
			require.Equal(t, []error{nil}, visit(t, l, queue.Keep, queue.Drop, queue.Keep))
			require.Equal(t, slices.Delete(before, 1, 2), letters(t, s.another(t, l)))
		}},
	{name: "what is set aside again is a new letter and keeps its first time",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			s.setAside(t, l, numbered(1), "at first")
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
	{name: "a letter whose log is gone stays until the log is back", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			s.setAside(t, l, numbered(1), "why")
			s.Delete(t, 0)
			outcomes := visit(t, l, queue.Replay)
			require.Len(t, outcomes, 1)
			require.ErrorIs(t, outcomes[0], queue.ErrRefused)
			sub := subscribe(t, l, 0) // makes it again
			require.Equal(t, []error{nil}, visit(t, l, queue.Replay))
			require.Equal(t, 1, numberOf(next(t, sub)))
		}},
	{name: "a visit that breaks off says so and loses nothing", asks: remote,
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			for i := range 3 {
				s.setAside(t, l, numbered(i), "why")
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
	{name: "who looks at dead letters while the log is away is told so",
		test: func(t *testing.T, s *suite) {
			l := s.open(t)
			require.Empty(t, letters(t, l))
			require.NoError(t, l.Close())
			_, err := l.CountDeadLetters(t.Context())
			require.Equal(t, fault.Unavailable, fault.CodeOf(err))
			err = l.VisitDeadLetters(t.Context(),
				func(queue.DeadLetter) queue.Fate { return queue.Drop },
				func(queue.DeadLetter, error) {})
			require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		}},
}

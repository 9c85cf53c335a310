package stage

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
)

// shelf is a store that counts the reads of what it displays, and whose transition does something
// in between. Its error comes after the transition.
type shelf struct {
	*polllite.Store
	reads     int
	meanwhile func()
	err       error
}

func (s *shelf) Display(ctx context.Context, id uuid.UUID) (poll.Display, error) {
	s.reads++
	return s.Store.Display(ctx, id)
}

func (s *shelf) Transit(
	ctx context.Context, id uuid.UUID, m poll.Move, ifMatch *int64,
) (poll.Turn, error) {
	turn, err := s.Store.Transit(ctx, id, m, ifMatch)
	s.meanwhile()
	return turn, cmp.Or(s.err, err)
}

// newMoving makes a stage whose presentation was read once.
func newMoving(t *testing.T) (*Stage, *Cache, *shelf, *fakeClock) {
	clock := &fakeClock{}
	shelf := &shelf{Store: openStore(t, slide(1)), meanwhile: func() {}}
	clock.move(time.Hour)
	c := NewCache(shelf, clock.now)
	t.Cleanup(func() { lifetest.Stop(t, c) })
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	b := inproc.NewBus()
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	s := New(shelf, b, openLog(t), c, slog.New(slog.DiscardHandler))
	require.NoError(t, s.Start())
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s, c, shelf, clock
}

func TestWhatATransitionGivesIsKeptAndNotReadAgain(t *testing.T) {
	s, c, shelf, clock := newMoving(t)
	_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err)
	want, err := shelf.Store.Display(t.Context(), talk)
	require.NoError(t, err)
	require.EqualValues(t, 2, want.Version)
	displayed := func() poll.Display {
		d, _, err := c.Display(t.Context(), talk, time.Time{})
		require.NoError(t, err)
		return d
	}
	require.Equal(t, want, displayed(), "with the tokens and the code of before")
	c.Heard(bus.Change{Thing: talk, Version: 2})
	c.Heard(bus.Change{Thing: talk, Version: 1})
	require.Equal(t, want, displayed())
	require.Equal(t, 1, shelf.reads, "also when its own announcement comes, or an older one")

	clock.move(poll.Lease)
	displayed()
	require.Equal(t, 2, shelf.reads, "it has a lease as a read has")
	c.Heard(bus.Change{Thing: talk, Version: 3})
	displayed()
	require.Equal(t, 3, shelf.reads, "a later transition drops it")
	c.Heard(bus.Change{Thing: talk})
	displayed()
	require.Equal(t, 4, shelf.reads, "and so does an edit")
}

func TestTheLeaseOfATransitionBeginsBeforeTheStoreIsAsked(t *testing.T) {
	s, c, shelf, clock := newMoving(t)
	shelf.meanwhile = func() { clock.move(poll.Lease) }
	_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, shelf.reads)
}

func TestWhatATransitionGivesIsNotKeptWhereSomethingMayBeNewer(t *testing.T) {
	heard := func(change bus.Change) func(*testing.T, *Cache, *shelf) {
		return func(_ *testing.T, c *Cache, _ *shelf) { c.Heard(change) }
	}
	nothing := func(*testing.T, *Cache, *shelf) {}
	for name, test := range map[string]struct {
		err               error
		before, meanwhile func(t *testing.T, c *Cache, s *shelf)
	}{
		"an error, after which it may have happened": {
			errors.New("cut off"), nothing, nothing,
		},
		"an edit was made before": {nil, func(t *testing.T, _ *Cache, s *shelf) {
			_, err := s.Edit(t.Context(), talk, poll.EditPresentation{Title: new("Other")})
			require.NoError(t, err)
		}, nothing},
		"an edit was heard of meanwhile": {nil, nothing, heard(bus.Change{Thing: talk})},
		"a transition was heard of meanwhile": {
			nil, nothing, heard(bus.Change{Thing: talk, Version: 3}),
		},
		"announcements were lost meanwhile": {nil, nothing, heard(bus.Change{})},
		"it was forgotten meanwhile": {nil, nothing, func(_ *testing.T, c *Cache, _ *shelf) {
			c.entries.Clear()
		}},
		"another transition was kept meanwhile": {nil, nothing,
			func(t *testing.T, c *Cache, s *shelf) {
				m := c.mark(talk)
				c.keep(talk, turnTo(t, s.Store, 3).Display, m)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, shelf, _ := newMoving(t)
			test.before(t, c, shelf)
			shelf.err, shelf.meanwhile = test.err, func() { test.meanwhile(t, c, shelf) }
			_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
			require.Equal(t, test.err, err)
			turnTo(t, shelf.Store, 9)
			d, _, err := c.Display(t.Context(), talk, time.Time{})
			require.NoError(t, err)
			require.EqualValues(t, 9, d.Version)
		})
	}
}

func TestARoomThatNobodyHasReadHasNothingKept(t *testing.T) {
	s, c, shelf, _ := newMoving(t)
	c.entries.Clear()
	_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err)
	d, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, shelf.reads)
	require.NotNil(t, d.Tokens, "nothing is without its tokens")
}

func TestAReadUnderWayDoesNotTakeTheKeptTransitionsPlace(t *testing.T) {
	c, store, _ := newTestCache(t)
	display := func() poll.Display {
		d, _, err := c.Display(t.Context(), talk, time.Time{})
		require.NoError(t, err)
		return d
	}
	display()
	store.begun, store.proceed = make(chan struct{}), make(chan struct{})
	m := c.mark(talk)
	v, _, _ := c.valid(talk, c.entry(talk), time.Time{})
	r := c.begin(talk, c.entry(talk), v)
	<-store.begun
	c.keep(talk, turnTo(t, store.Store, 2).Display, m)
	close(store.proceed)
	<-r.done
	require.EqualValues(t, 2, display().Version)
}

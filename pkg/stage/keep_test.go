package stage

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
)

// before is what a presentation displayed when it was read.
var before = poll.Display{
	PresentationID: talk, Slide: poll.Slide{Version: 1}, Edits: 3,
	Tokens: &access.Tokens{TokenHash: [32]byte{1}}, JoinCode: "ABC123",
}

// shelf is a store that counts the reads of what it displays.
type shelf struct {
	reads    int
	displays poll.Display
}

func (s *shelf) Display(context.Context, uuid.UUID) (poll.Display, error) {
	s.reads++
	return s.displays, nil
}

// moving is a store whose transition does something in between.
type moving struct {
	transit
	meanwhile func()
}

func (m moving) Transit(context.Context, uuid.UUID, poll.Move, *int64) (poll.Turn, error) {
	m.meanwhile()
	return m.turn, m.err
}

// turned is what a transition to a version gives.
func turned(version, edits int64) poll.Turn {
	d := poll.Display{PresentationID: talk, Slide: poll.Slide{Version: version}, Edits: edits}
	return poll.Turn{Display: d, Changed: true}
}

// newMoving makes a stage whose presentation was read once.
func newMoving(t *testing.T, store moving) (*Stage, *Cache, *shelf, *fakeClock) {
	clock, shelf := &fakeClock{}, &shelf{displays: before}
	clock.move(time.Hour)
	c := NewCache(shelf, clock.now)
	t.Cleanup(c.Close)
	if store.meanwhile == nil {
		store.meanwhile = func() {}
	}
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	b := inproc.NewBus()
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	s := New(store, b, &fakeLog{}, c, slog.New(slog.DiscardHandler))
	require.NoError(t, s.Start())
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s, c, shelf, clock
}

func TestWhatATransitionGivesIsKeptAndNotReadAgain(t *testing.T) {
	s, c, shelf, clock := newMoving(t, moving{transit: transit{turn: turned(2, 3)}})
	_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err)
	want := before
	want.Version = 2
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
	late := func() {}
	s, c, shelf, clock := newMoving(t, moving{transit{turn: turned(2, 3)}, func() { late() }})
	late = func() { clock.move(poll.Lease) }
	_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
	require.NoError(t, err)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, shelf.reads)
}

func TestWhatATransitionGivesIsNotKeptWhereSomethingMayBeNewer(t *testing.T) {
	heard := func(change bus.Change) func(*Cache) { return func(c *Cache) { c.Heard(change) } }
	done := transit{turn: turned(2, 3)}
	for name, test := range map[string]struct {
		transit
		meanwhile func(c *Cache)
	}{
		"an error, after which it may have happened": {transit{err: errors.New("cut off")},
			func(*Cache) {}},
		"an edit was made before": {transit{turn: turned(2, 4)},
			func(*Cache) {}},
		"an edit was heard of meanwhile": {done, heard(bus.Change{Thing: talk})},
		"a transition was heard of meanwhile": {done,
			heard(bus.Change{Thing: talk, Version: 3})},
		"announcements were lost meanwhile": {done, heard(bus.Change{})},
		"it was forgotten meanwhile":        {done, func(c *Cache) { c.entries.Clear() }},
		"another transition was kept meanwhile": {done, func(c *Cache) {
			c.keep(talk, turned(3, 3).Display, c.mark(talk))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			meanwhile := func() {}
			s, c, shelf, _ := newMoving(t, moving{test.transit, func() { meanwhile() }})
			meanwhile = func() { test.meanwhile(c) }
			_, err := s.Move(t.Context(), talk, poll.Move{}, nil)
			require.Equal(t, test.err, err)
			shelf.displays.Version = 9
			d, _, err := c.Display(t.Context(), talk, time.Time{})
			require.NoError(t, err)
			require.EqualValues(t, 9, d.Version)
		})
	}
}

func TestARoomThatNobodyHasReadHasNothingKept(t *testing.T) {
	s, c, shelf, _ := newMoving(t, moving{transit: transit{turn: turned(2, 3)}})
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
	c.keep(talk, turned(2, 0).Display, m)
	close(store.proceed)
	<-r.done
	require.EqualValues(t, 2, display().Version)
}

package stage

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeClock stands still until it is moved.
type fakeClock struct{ at atomic.Int64 }

func (c *fakeClock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *fakeClock) move(d time.Duration) { c.at.Add(int64(d)) }

func newTestCache(t *testing.T) (*Cache, *watched, *fakeClock) {
	store, clock := &watched{Store: openStore(t, poll.Slide{Index: -1})}, &fakeClock{}
	clock.move(time.Hour)
	c := NewCache(store, clock.now)
	t.Cleanup(func() { lifetest.Stop(t, c) })
	return c, store, clock
}

func TestAnEntryIsTrustedForOneLeaseFromBeforeItsReadBegan(t *testing.T) {
	c, store, clock := newTestCache(t)
	store.begun, store.proceed = make(chan struct{}, 9), make(chan struct{}, 9)
	go func() {
		<-store.begun
		clock.move(poll.Lease - 2) // a slow read uses up its own lease
		store.proceed <- struct{}{}
	}()
	_, now, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	require.Equal(t, clock.now(), now,
		"the time to date an acceptance with is the one the lease was checked with")

	close(store.proceed) // also for the read ahead that the use just started
	require.NoError(t, c.reads.Wait(t.Context()))
	reads := store.reads.Load()
	clock.move(poll.Lease)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	require.Equal(t, reads+1, store.reads.Load(), "after the lease it is read again")
}

func TestACutOffReplicaRefusesAsSoonAsItsLeaseIsOver(t *testing.T) {
	c, store, clock := newTestCache(t)
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	away := fault.Errorf(fault.Unavailable, "away")
	store.err.Store(&away)

	clock.move(poll.Lease - 1)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err, "within the lease the entry is as good as a read")
	require.NoError(t, c.reads.Wait(t.Context())) // the read ahead, which fails

	clock.move(1)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "never an old truth")
}

func TestADatabaseThatAnswersSlowerThanALeaseIsAsGoodAsAway(t *testing.T) {
	c, store, clock := newTestCache(t)
	store.begun, store.proceed = make(chan struct{}), make(chan struct{})
	go func() {
		for range store.begun {
			clock.move(poll.Lease + 1)
			store.proceed <- struct{}{}
		}
	}()
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Equal(t, int64(1), store.reads.Load(), "asking again and again would make it no faster")
	close(store.begun)
}

// deaf is a store whose first read does not heed its context, as a driver on a dead connection.
type deaf struct {
	*polllite.Store
	reads atomic.Int64
	hang  chan struct{}
}

func (s *deaf) Display(ctx context.Context, id uuid.UUID) (poll.Display, error) {
	if s.reads.Add(1) == 1 {
		<-s.hang
	}
	return s.Store.Display(ctx, id)
}

func TestAReadThatHangsIsGivenUpAfterALeaseAndHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &deaf{Store: openStore(t, slide(1)), hang: make(chan struct{})}
		c := NewCache(store, time.Now)
		begun := time.Now()
		_, _, err := c.Display(t.Context(), talk, time.Time{})
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.Equal(t, poll.Lease, time.Since(begun))
		_, _, err = c.Display(t.Context(), talk, time.Time{})
		require.NoError(t, err, "the next read goes its own way")
		require.Equal(t, poll.Lease, time.Since(begun))
		close(store.hang)
		lifetest.Stop(t, c)
	})
}

func TestHoweverManyWaitAColdEntryIsReadOnce(t *testing.T) {
	c, store, _ := newTestCache(t)
	store.begun, store.proceed = make(chan struct{}, 9), make(chan struct{})
	var waiting sync.WaitGroup
	var arrived sync.WaitGroup
	for range 1000 {
		arrived.Add(1)
		waiting.Go(func() {
			arrived.Done()
			_, _, err := c.Display(t.Context(), talk, time.Time{})
			require.NoError(t, err)
		})
	}
	arrived.Wait()
	<-store.begun
	close(store.proceed)
	waiting.Wait()
	require.Equal(t, int64(1), store.reads.Load())
}

func TestAReadThatBeganBeforeTheRequestIsNotGoodEnoughForARefusal(t *testing.T) {
	c, store, clock := newTestCache(t)
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	clock.move(1)
	turnTo(t, store.Store, 2)
	d, _, err := c.Display(t.Context(), talk, clock.now())
	require.NoError(t, err)
	require.Equal(t, int64(2), d.Version)
}

func TestAnAnnouncementDropsAlsoWhatAReadUnderWayIsAboutToBring(t *testing.T) {
	c, store, _ := newTestCache(t)
	store.begun, store.proceed = make(chan struct{}, 9), make(chan struct{}, 9)
	got := make(chan poll.Display)
	go func() {
		d, _, err := c.Display(t.Context(), talk, time.Time{})
		require.NoError(t, err)
		got <- d
	}()
	<-store.begun // it has read version 0
	turnTo(t, store.Store, 1)
	c.Drop(talk)
	store.proceed <- struct{}{}
	<-store.begun // read again for the one who waits
	store.proceed <- struct{}{}
	require.Equal(t, int64(1), (<-got).Version)
}

func TestAClientThatHangsUpDoesNotFailTheOthers(t *testing.T) {
	c, store, _ := newTestCache(t)
	store.begun, store.proceed = make(chan struct{}, 9), make(chan struct{})
	ctx, hangUp := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, _, err := c.Display(ctx, talk, time.Time{})
		first <- err
	}()
	<-store.begun
	second := make(chan error)
	go func() {
		_, _, err := c.Display(t.Context(), talk, time.Time{})
		second <- err
	}()
	hangUp()
	require.Equal(t, fault.Unavailable, fault.CodeOf(<-first))
	close(store.proceed)
	require.NoError(t, <-second)
}

func TestIDsThatNameNothingDoNotFillTheMemory(t *testing.T) {
	c, _, clock := newTestCache(t)
	for range 100 {
		_, _, err := c.Display(t.Context(), uuid.New(), time.Time{})
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
	require.Zero(t, size(c))

	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
	c.forget()
	require.Equal(t, 1, size(c))
	clock.move(poll.Lease)
	c.forget()
	require.Zero(t, size(c), "what nobody uses is forgotten")
}

func size(c *Cache) (n int) {
	_ = c.reads.Wait(context.Background()) // which has no end
	c.entries.Range(func(_, _ any) bool { n++; return true })
	return n
}

func TestTheCacheDropsWhatItHearsOf(t *testing.T) {
	c, store, _ := newTestCache(t)
	other := uuid.UUID{15: 2}
	create(t, store.Store, other, queue.Partition(other, 4), "BCD234", poll.Slide{Index: -1})
	read := func(id uuid.UUID) int64 {
		before := store.reads.Load()
		_, _, err := c.Display(t.Context(), id, time.Time{})
		require.NoError(t, err)
		return store.reads.Load() - before
	}
	read(talk)
	read(other)
	c.Heard(bus.Change{Thing: uuid.UUID{15: 3}}) // nobody asked for that
	c.Heard(bus.Change{Thing: talk, Version: 2})
	require.Equal(t, int64(1), read(talk), "a transition drops the presentation's entry")
	require.Zero(t, read(other), "and no other")
	c.Heard(bus.Change{Thing: talk, Part: uuid.UUID{1}})
	require.Zero(t, read(talk), "results are not cached here")
	c.Heard(bus.Change{})
	require.Equal(t, int64(2), read(talk)+read(other), "after a gap nothing is trusted")
}

func TestAnErrorOfTheStoreIsNotRemembered(t *testing.T) {
	c, store, _ := newTestCache(t)
	fault := errors.New("fault")
	store.err.Store(&fault)
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.ErrorIs(t, err, fault)
	store.err.Store(nil)
	_, _, err = c.Display(t.Context(), talk, time.Time{})
	require.NoError(t, err)
}

func TestTheCacheLives(t *testing.T) {
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		store := &stuckStore{asked: make(chan struct{}, 9)}
		c := NewCache(store, time.Now)
		return lifetest.Made{Service: c, Work: func() {
			go func() { _, _, _ = c.Display(context.Background(), talk, time.Time{}) }()
			<-store.asked
		}}
	})
}

// stuckStore answers when the context has ended.
type stuckStore struct{ asked chan struct{} }

func (s *stuckStore) Display(ctx context.Context, _ uuid.UUID) (poll.Display, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return poll.Display{}, fault.Unavailablef(ctx.Err(), "away")
}

func TestACacheThatWasStoppedIsUnavailable(t *testing.T) {
	c, _, _ := newTestCache(t)
	lifetest.Stop(t, c)
	_, _, err := c.Display(t.Context(), talk, time.Time{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

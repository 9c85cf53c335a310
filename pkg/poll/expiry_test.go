package poll_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
)

// shelf is presentations by how long nobody has used them, and what is left of those that were
// removed.
type shelf struct {
	mu     sync.Mutex
	idle   map[uuid.UUID]time.Duration
	busy   uuid.UUID // one that somebody is just about to use
	left   int
	erased []int
	err    error
}

func (s *shelf) Unused(_ context.Context, age time.Duration,
	limit int) (ids []uuid.UUID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, idle := range s.idle {
		if idle >= age && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, s.err
}

func (s *shelf) Expire(_ context.Context, id uuid.UUID, age time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle, ok := s.idle[id]; !ok || idle < age || id == s.busy {
		return false, nil
	}
	delete(s.idle, id)
	s.left += 2500
	return true, nil
}

func (s *shelf) Erase(_ context.Context, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(limit, s.left)
	s.left -= n
	if n > 0 {
		s.erased = append(s.erased, n)
	}
	return n, s.err
}

const day = 24 * time.Hour

func TestWhatNobodyHasUsedForSoLongIsRemovedInSmallStepsAndAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used, justKept, old, busy := uuid.New(), uuid.New(), uuid.New(), uuid.New()
		s := &shelf{idle: map[uuid.UUID]time.Duration{used: 0, justKept: 31*day - 1, old: 31 * day,
			busy: 900 * day}, busy: busy, left: 10}
		b := inproc.NewBus()
		ctx, cancel := context.WithCancel(t.Context())
		changes := b.Subscribe(ctx)
		e := poll.NewExpiry(s, telling(t, b), 30*day, slog.New(slog.DiscardHandler))
		n, err := e.Once(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, []int{10, 1000, 1000, 500}, s.erased, "also what an earlier run left")
		require.Equal(t, bus.Change{Thing: old}, <-changes)
		require.Len(t, s.idle, 3)
		require.Contains(t, s.idle, justKept, "its last use may have been noted a day late")
		cancel()
		require.NoError(t, b.Close())
	})
}

func TestManyThatNobodyUsesAreRemovedInOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{idle: map[uuid.UUID]time.Duration{}}
		for range 250 {
			s.idle[uuid.New()] = 900 * day
		}
		b := inproc.NewBus()
		e := poll.NewExpiry(s, telling(t, b), day, slog.New(slog.DiscardHandler))
		n, err := e.Once(t.Context())
		require.NoError(t, err)
		require.Equal(t, 250, n)
		require.Empty(t, s.idle)
		require.Zero(t, s.left)
		require.NoError(t, b.Close())
	})
}

func TestWithoutASettingEverythingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{idle: map[uuid.UUID]time.Duration{uuid.New(): 9000 * day}, left: 5}
		b := inproc.NewBus()
		e := poll.NewExpiry(s, telling(t, b), 0, slog.New(slog.DiscardHandler))
		n, err := e.Once(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		require.Len(t, s.idle, 1)
		require.Zero(t, s.left, "but what was to go before goes")
		require.NoError(t, b.Close())
	})
}

func TestExpiryGoesOnWhenTheStoreIsBackAndEndsWhenItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{idle: map[uuid.UUID]time.Duration{uuid.New(): 900 * day},
			err: errors.New("away")}
		b := inproc.NewBus()
		e := poll.NewExpiry(s, telling(t, b), day, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.Run(ctx)
		}()
		time.Sleep(time.Hour) // of the bubble's own clock
		synctest.Wait()
		s.mu.Lock()
		require.Len(t, s.idle, 1)
		s.err = nil
		s.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		cancel()
		<-done
		require.Empty(t, s.idle)
		require.NoError(t, b.Close())
	})
}

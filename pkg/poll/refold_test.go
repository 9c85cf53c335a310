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

// refoldEvery is how often somebody looks.
const refoldEvery = 2 * time.Second

// folds is polls whose words another fold has counted.
type folds struct {
	mu      sync.Mutex
	folded  []bus.Change
	refolds int  // calls
	tired   bool // they fail
}

func (s *folds) Refold(context.Context) (changed *bus.Change, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refolds++; s.tired {
		return nil, false, errors.New("too much")
	}
	if len(s.folded) == 0 {
		return nil, false, nil
	}
	changed, s.folded = &s.folded[0], s.folded[1:]
	return changed, true, nil
}

// refolding runs a Refold over a store in a bubble, where time passes only while everybody waits.
func refolding(t *testing.T, store *folds, f func(t *testing.T, changes <-chan bus.Change)) {
	synctest.Test(t, func(t *testing.T) {
		b := inproc.NewBus()
		ctx, stop := context.WithCancel(t.Context())
		changes := b.Subscribe(ctx)
		var running sync.WaitGroup
		refold := poll.NewRefold(store, telling(t, b), slog.New(slog.DiscardHandler))
		running.Go(func() { refold.Run(ctx) })
		f(t, changes)
		stop()
		running.Wait()
		require.NoError(t, b.Close())
	})
}

func TestWordsThatAnotherFoldCountedAreCountedAnewAndAnnounced(t *testing.T) {
	change := func(n byte) bus.Change {
		return bus.Change{Thing: uuid.UUID{15: 1}, Part: uuid.UUID{15: n}, Version: 1,
			Revision: int64(n)}
	}
	store := &folds{folded: []bus.Change{change(1), change(2)}}
	refolding(t, store, func(t *testing.T, changes <-chan bus.Change) {
		begun := time.Now()
		require.ElementsMatch(t, []bus.Change{change(1), change(2)},
			[]bus.Change{<-changes, <-changes})
		require.Zero(t, time.Since(begun), "at once")
		synctest.Wait()
		require.Equal(t, 3, store.refolds)

		store.mu.Lock()
		store.folded, store.tired = []bus.Change{change(3)}, true
		store.mu.Unlock()
		time.Sleep(2 * refoldEvery)
		synctest.Wait()
		require.LessOrEqual(t, store.refolds, 6, "what fails waits for the next look")
		store.mu.Lock()
		store.tired = false
		store.mu.Unlock()
		time.Sleep(refoldEvery)
		synctest.Wait()
		require.Equal(t, change(3), <-changes)
	})
}

func TestAPollThatCannotBeCountedAnewIsTriedLessAndLessOften(t *testing.T) {
	store := &folds{tired: true}
	refolding(t, store, func(t *testing.T, _ <-chan bus.Change) {
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Less(t, store.refolds, 25, "its voters wait at each try")
		require.Greater(t, store.refolds, 15)
	})
}

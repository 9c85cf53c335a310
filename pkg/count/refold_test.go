package count

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
)

func TestWordsThatAnotherFoldCountedAreCountedAnewAndAnnounced(t *testing.T) {
	change := func(n byte) bus.Change {
		return bus.Change{Thing: talk, Part: uuid.UUID{15: n}, Version: 1, Revision: int64(n)}
	}
	announced := func(b *bench) []bus.Change {
		b.log.mu.Lock()
		defer b.log.mu.Unlock()
		return slices.Concat(b.log.announced...)
	}
	run(t, func(b *bench) { b.store.folded = []bus.Change{change(1), change(2)} }, func(t *testing.T, b *bench) {
		time.Sleep(time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []bus.Change{change(1), change(2)}, announced(b), "at once")
		require.Equal(t, 3, b.store.refolds)

		b.store.mu.Lock()
		b.store.folded, b.store.tired = []bus.Change{change(3)}, true
		b.store.mu.Unlock()
		time.Sleep(2 * sweepEvery)
		synctest.Wait()
		require.LessOrEqual(t, b.store.refolds, 6, "what fails waits for the next look")
		b.store.mu.Lock()
		b.store.tired = false
		b.store.mu.Unlock()
		time.Sleep(sweepEvery)
		synctest.Wait()
		require.Contains(t, announced(b), change(3))
		require.NoError(t, b.Ready())
	})
}

func TestAPollThatCannotBeCountedAnewIsTriedLessAndLessOften(t *testing.T) {
	run(t, func(b *bench) { b.store.tired = true }, func(t *testing.T, b *bench) {
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Less(t, b.store.refolds, 25, "its voters wait at each try")
		require.Greater(t, b.store.refolds, 15)
	})
}

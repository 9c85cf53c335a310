package poll_test

import (
	"context"
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

// telling announces changes at once, each call by itself.
func telling(t *testing.T, b bus.Bus) func(...bus.Change) {
	return func(changes ...bus.Change) {
		require.NoError(t, b.Announce(context.WithoutCancel(t.Context()), changes...))
	}
}

// quiet is a store that has nothing to count, but words to be counted anew.
type quiet struct {
	*folds
	*shelf
	takes time.Duration // a Refold
}

func (quiet) Count(context.Context, []poll.Batch) (o poll.Outcome, err error) { return o, nil }

func (quiet) Closing(context.Context) ([]poll.ClosingPoll, error) { return nil, nil }

func (s quiet) Refold(ctx context.Context) (*bus.Change, bool, error) {
	time.Sleep(s.takes)
	return s.folds.Refold(ctx)
}

func (quiet) Forget(context.Context, time.Duration, int) (int, error) { return 0, nil }

// heard is a bus that notes what is announced, call by call.
type heard struct {
	bus.Bus
	mu    sync.Mutex
	calls [][]bus.Change
}

func (b *heard) Announce(_ context.Context, changes ...bus.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, changes)
	return nil
}

// counting runs a Counting over a store for a time, and gives what it has announced, call by call.
func counting(t *testing.T, store quiet, lasts time.Duration) [][]bus.Change {
	b := &heard{}
	synctest.Test(t, func(t *testing.T) {
		log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: 1})
		require.NoError(t, err)
		votes, err := log.Stream(poll.Stream)
		require.NoError(t, err)
		c := poll.NewCounting(store, store, votes, 1, b, day, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithTimeout(t.Context(), lasts)
		defer stop()
		c.Run(ctx)
		require.NoError(t, log.Close())
	})
	return b.calls
}

func folded(n int) (changes []bus.Change) {
	for i := range n {
		part := uuid.UUID{15: byte(i + 1)}
		changes = append(changes, bus.Change{Thing: uuid.UUID{15: 1}, Part: part, Revision: 1})
	}
	return changes
}

func TestPollsThatAreCountedAnewAreAnnouncedInBundles(t *testing.T) {
	store := quiet{folds: &folds{folded: folded(50)}, shelf: &shelf{}}
	var all []bus.Change
	calls := counting(t, store, time.Second)
	for _, changes := range calls {
		all = append(all, changes...)
	}
	require.ElementsMatch(t, folded(50), all)
	require.LessOrEqual(t, len(calls), 2, "the first at once, the others together")
}

func TestWhatAChoreFinishesAtAStopIsAnnounced(t *testing.T) {
	store := quiet{folds: &folds{folded: folded(1)}, shelf: &shelf{}, takes: time.Second}
	require.Equal(t, [][]bus.Change{folded(1)}, counting(t, store, time.Second/2))
}

func TestAPresentationThatExpiresIsAnnounced(t *testing.T) {
	old := uuid.New()
	store := quiet{folds: &folds{}, shelf: &shelf{idle: map[uuid.UUID]time.Duration{old: 31 * day}}}
	require.Equal(t, [][]bus.Change{{{Thing: old}}}, counting(t, store, time.Hour))
}

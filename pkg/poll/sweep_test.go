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

	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// orphaned is how long a poll must have been seen closing.
const orphaned = 10 * time.Second

// closings is what is closing, and how long it takes to say so.
type closings struct {
	mu   sync.Mutex
	list []poll.ClosingPoll
	slow time.Duration
}

func (c *closings) Closing(context.Context) ([]poll.ClosingPoll, error) {
	time.Sleep(c.slow)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list, nil
}

func (c *closings) set(list ...poll.ClosingPoll) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = list
}

func closing(version int64) poll.ClosingPoll {
	return poll.ClosingPoll{PresentationID: uuid.UUID{15: 1},
		Seal: poll.Seal{PollID: uuid.UUID{15: 5}, Version: version}}
}

// sweeping gives f the entries that a sweep publishes, in a bubble where time passes only while
// everybody waits.
func sweeping(t *testing.T, store *closings, mine bool,
	f func(t *testing.T, sealed <-chan queue.Delivery)) {
	sweepingWhere(t, store, 0, func(int) bool { return mine }, f)
}

// sweepingWhere is sweeping by a worker that has some partitions, seen from one of them.
func sweepingWhere(t *testing.T, store *closings, partition int, mine func(int) bool,
	f func(t *testing.T, sealed <-chan queue.Delivery)) {
	synctest.Test(t, func(t *testing.T) {
		log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: 1})
		require.NoError(t, err)
		votes, err := log.Stream(poll.Stream)
		require.NoError(t, err)
		sub, err := votes.Subscribe(t.Context(), partition)
		require.NoError(t, err)
		sweep := poll.NewSweep(store, votes, mine,
			slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { sweep.Run(ctx) })
		f(t, sub.Deliveries())
		stop()
		require.NoError(t, log.Close())
		running.Wait()
	})
}

func TestAPollWhoseReplicaDiedIsSealedAfterItsTime(t *testing.T) {
	orphan := closing(4)
	sweeping(t, &closings{list: []poll.ClosingPoll{orphan}}, true,
		func(t *testing.T, sealed <-chan queue.Delivery) {
			begun := time.Now()
			b, err := poll.DecodeBatch((<-sealed).Entry)
			require.NoError(t, err)
			require.Equal(t, &orphan.Seal, b.Seal)
			require.GreaterOrEqual(t, time.Since(begun), orphaned)
		})
}

func TestATimeThatPassedBeforeTheFirstAnswerDoesNotCount(t *testing.T) {
	// The poll may have begun to close just before the answer.
	store := &closings{list: []poll.ClosingPoll{closing(4)}, slow: 2 * orphaned}
	sweeping(t, store, true, func(t *testing.T, sealed <-chan queue.Delivery) {
		begun := time.Now()
		<-sealed
		require.GreaterOrEqual(t, time.Since(begun), store.slow+orphaned)
	})
}

func TestOnlyWhatWasSeenClosingUnderOneVersionIsSealed(t *testing.T) {
	store := &closings{}
	sweeping(t, store, true, func(t *testing.T, sealed <-chan queue.Delivery) {
		for version := range int64(20) { // displayed again and closed again all the time
			store.set(closing(version))
			time.Sleep(orphaned / 2)
		}
		require.Empty(t, sealed)
	})
}

func TestAPollOfAPartitionThatAnotherWorkerFollowsIsLeftToThatOne(t *testing.T) {
	sweeping(t, &closings{list: []poll.ClosingPoll{closing(4)}}, false,
		func(t *testing.T, sealed <-chan queue.Delivery) {
			time.Sleep(10 * orphaned)
			require.Empty(t, sealed)
		})
}

func TestASweepSealsInThePartitionWhereThePresentationLies(t *testing.T) {
	orphan := closing(4)
	orphan.Partition = 7 // as no number of partitions below it would have it
	store := &closings{list: []poll.ClosingPoll{orphan}}
	mine := func(partition int) bool { return partition == 7 }
	sweepingWhere(t, store, 7, mine, func(t *testing.T, sealed <-chan queue.Delivery) {
		b, err := poll.DecodeBatch((<-sealed).Entry)
		require.NoError(t, err)
		require.Equal(t, &orphan.Seal, b.Seal)
	})
}

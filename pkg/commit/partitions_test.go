package commit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/queue"
)

// wide runs f with a group that knows one partition, over a log that has nine.
func wide(t *testing.T, f func(t *testing.T, b *bench)) {
	committest.Bubble(t, func(t *testing.T) {
		c := config()
		c.Partitions = 1
		b := &bench{log: committest.Open(9)}
		b.Group = New(b.log, c)
		require.NoError(t, b.Start())
		f(t, b)
		lifetest.Stop(t, b)
		b.log.Close()
	})
}

// sendTo commits an item in a partition.
func (b *bench) sendTo(t *testing.T, author byte, partition int) <-chan error {
	item := itemOf(author, "A")
	item.Partition = partition
	done := make(chan error, 1)
	go func() {
		_, err := b.send(t.Context(), item, usual)
		done <- err
	}()
	return done
}

func TestAPartitionIsOpenedWhenItIsMetFirst(t *testing.T) {
	wide(t, func(t *testing.T, b *bench) {
		for _, partition := range []int{8, 0, 5, 8} {
			done := b.sendTo(t, 1, partition)
			e := <-b.log.Entries
			require.Equal(t, partition, e.Partition)
			e.Confirm(nil)
			b.reply(e, kept)
			require.NoError(t, <-done)
		}
	})
}

func TestManyThatMeetAPartitionFirstShareItsLane(t *testing.T) {
	wide(t, func(t *testing.T, b *bench) {
		lanes, all := make([]*lane[post, int], 20), sync.WaitGroup{}
		for i := range lanes {
			all.Go(func() { lanes[i] = b.home(t, 7) })
		}
		all.Wait()
		for _, l := range lanes {
			require.Same(t, lanes[0], l)
		}
	})
}

func TestAPartitionThatNoLogHasIsAFaultAndOpensNothing(t *testing.T) {
	wide(t, func(t *testing.T, b *bench) {
		for _, partition := range []int{-1, queue.MaxPartitions, 1 << 40} {
			item := itemOf(1, "A")
			item.Partition = partition
			_, err := b.send(t.Context(), item, usual)
			require.ErrorContains(t, err, "there is no partition")
			require.Empty(t, fault.CodeOf(err))
			h := newHearing()
			require.ErrorContains(t, b.try(t.Context(), item, false, h), "there is no partition")
			require.Zero(t, h.told.Load())
		}
		require.Empty(t, *b.lanes.Load())
		require.Zero(t, b.Waiting())
	})
}

func TestTheFirstOfOnePartitionMayHoldAllUntilAnotherIsMet(t *testing.T) {
	wide(t, func(t *testing.T, b *bench) {
		var waiting []<-chan error
		for i := range mayWait + 50 {
			waiting = append(waiting, b.sendTo(t, byte(i), 0))
		}
		synctest.Wait()
		require.Equal(t, mayWait+50, b.Waiting(), "more than half of what may wait in all")
		other := b.sendTo(t, 1, 3)
		synctest.Wait()
		err := <-b.sendTo(t, 1, 0)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "now each may hold half")
		go func() {
			for e := range b.log.Entries {
				e.Confirm(nil)
			}
		}()
		for _, done := range append(waiting, other) {
			require.NoError(t, <-done)
		}
		time.Sleep(Deadline)
	})
}

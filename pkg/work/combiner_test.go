package work

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

// held has transactions wait for a token each.
func held(b *bench) {
	b.toy.hold, b.toy.holding = make(chan struct{}), make(chan struct{})
}

// partitionsOf gives the partitions of each transaction, a number for each of its entries.
func partitionsOf(transactions [][]Partitioned) (all [][]int) {
	for _, entries := range transactions {
		var partitions []int
		for _, e := range entries {
			partitions = append(partitions, e.Partition)
		}
		all = append(all, partitions)
	}
	return all
}

// requireOnce requires that so many entries of each partition were applied, each once and in order.
func (b *bench) requireOnce(partitions, entries int) {
	b.t.Helper()
	last := make([]byte, partitions)
	for _, transaction := range b.toy.applied {
		for _, e := range transaction {
			require.Equal(b.t, last[e.Partition]+1, e.ID[15], "of partition %d", e.Partition)
			last[e.Partition]++
		}
	}
	for partition, n := range last {
		require.EqualValues(b.t, entries, n, "of partition %d", partition)
	}
}

func TestWhatSeveralPartitionsWaitForIsAppliedInOneTransaction(t *testing.T) {
	runOf(t, 4, held, func(t *testing.T, b *bench) {
		b.publishTo(0, 1, usual, "a")
		<-b.toy.holding
		for partition := 1; partition < 4; partition++ {
			b.publishTo(partition, 1, usual, "ab")
			synctest.Wait()
		}
		b.toy.hold <- struct{}{}
		<-b.toy.holding
		b.publishTo(0, 2, usual, "d")
		b.toy.hold <- struct{}{}
		<-b.toy.holding
		for partition := 1; partition < 4; partition++ {
			b.publishTo(partition, 2, usual, "c")
			synctest.Wait()
		}
		b.toy.hold <- struct{}{}
		<-b.toy.holding
		b.toy.hold <- struct{}{}
		synctest.Wait()
		require.Equal(t, [][]int{{0}, {1, 2, 3}, {0}, {1, 2, 3}}, partitionsOf(b.toy.applied))
		b.requireOnce(4, 2)
		for range 8 {
			r := <-b.log.Replies()
			want := []byte{done}
			if r.EntryID[14] > 0 && r.EntryID[15] == 1 {
				want = []byte{done, done}
			}
			require.Equal(t, want, r.Body, "each has its own result: %v", r.EntryID)
		}
	})
}

func TestATransactionOfSeveralPartitionsIsBounded(t *testing.T) {
	runOf(t, 6, held, func(t *testing.T, b *bench) {
		b.publishTo(0, 1, usual, "a")
		<-b.toy.holding
		for partition := 1; partition < 6; partition++ {
			b.publishTo(partition, 1, usual, strings.Repeat("a", 2000))
			synctest.Wait()
		}
		for range 4 {
			b.toy.hold <- struct{}{}
			if synctest.Wait(); len(b.toy.applied) < 4 {
				<-b.toy.holding
			}
		}
		require.Equal(t, [][]int{{0}, {1, 2}, {3, 4}, {5}}, partitionsOf(b.toy.applied),
			"4,000 items: one more entry would be too many")
	})
}

func TestDataThatCannotBeKeptHoldsUpNoOtherPartition(t *testing.T) {
	for name, kind := range map[string]byte{"refused by the store": usual, "malformed": odd} {
		t.Run(name, func(t *testing.T) {
			runOf(t, 4, func(b *bench) { held(b); b.toy.fail = refuse("!") },
				func(t *testing.T, b *bench) {
					b.publishTo(0, 1, usual, "a")
					<-b.toy.holding
					for partition := 1; partition < 4; partition++ {
						if partition == 2 {
							b.publishTo(2, 9, kind, "!")
						}
						b.publishTo(partition, 1, usual, "a")
						synctest.Wait()
					}
					b.toy.hold <- struct{}{}
					<-b.toy.holding // it fails
					close(b.toy.hold)
					go func() {
						for range b.toy.holding {
						}
					}()
					synctest.Wait()
					b.requireOnce(4, 1)
					require.Equal(t, [][]int{{0}, {1}, {3}, {2}}, partitionsOf(b.toy.applied),
						"those who are not to blame do not wait until it is found")
					require.Equal(t, []string{"!"}, b.letters())
					require.NoError(t, b.Ready())
					close(b.toy.holding)
				})
		})
	}
}

func TestAPartitionWhoseRowIsAtFaultHoldsUpNoOther(t *testing.T) {
	var mended atomic.Bool
	runOf(t, 3, func(b *bench) {
		b.toy.fail = func(entries []Partitioned) error {
			for _, e := range entries {
				if e.Partition == 1 && !mended.Load() {
					return errors.New("there is no partition 1")
				}
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		for n := range byte(20) {
			for partition := range 3 {
				b.publishTo(partition, n+1, usual, "a")
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		require.ErrorContains(t, b.Ready(), "there is no partition 1")
		require.True(t, b.Follows(0))
		require.False(t, b.Follows(1))
		counts := make([]int, 3)
		for _, entries := range b.toy.applied {
			for _, e := range entries {
				counts[e.Partition]++
			}
		}
		require.Equal(t, []int{20, 0, 20}, counts)
		mended.Store(true)
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.NoError(t, b.Ready())
		b.requireOnce(3, 20)
	})
}

func TestWhileTheStoreIsAwayEveryPartitionKeepsItsEntries(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	var tried atomic.Int64
	runOf(t, 4, func(b *bench) {
		b.toy.fail = func([]Partitioned) error {
			if tried.Add(1); away.Load() {
				return fault.Errorf(fault.Unavailable, "away")
			}
			return nil
		}
		for partition := range 4 {
			b.publishTo(partition, 1, usual, "a")
			b.publishTo(partition, 2, usual, "a")
		}
	}, func(t *testing.T, b *bench) {
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, b.toy.applied)
		require.Empty(t, b.log.did)
		require.Less(t, tried.Load(), int64(4*2*60), "each waits between its tries")
		require.NoError(t, b.Ready(), "it is no fault of a partition")
		away.Store(false)
		time.Sleep(maxWait)
		synctest.Wait()
		b.requireOnce(4, 2)
		require.Equal(t, 4, b.log.subscribed, "the subscriptions stay")
	})
}

// The store goes away while what failed together is tried one by one: nobody waits for time-outs
// of all.
func TestNothingElseIsTriedWhenTheStoreIsFoundToBeAway(t *testing.T) {
	var tries []int
	runOf(t, 5, func(b *bench) {
		held(b)
		b.toy.fail = func(entries []Partitioned) error {
			switch tries = append(tries, len(entries)); len(tries) {
			case 2:
				return errors.New("a fault")
			case 4:
				return fault.Errorf(fault.Unavailable, "away")
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		b.publishTo(0, 1, usual, "a")
		<-b.toy.holding
		for partition := 1; partition < 5; partition++ {
			b.publishTo(partition, 1, usual, "a")
			synctest.Wait()
		}
		b.toy.hold <- struct{}{}
		for range 3 {
			<-b.toy.holding
			b.toy.hold <- struct{}{}
		}
		synctest.Wait()
		require.Equal(t, []int{1, 4, 1, 1}, tries, "all, the first of them, the second of them")
		for range 3 {
			<-b.toy.holding
			b.toy.hold <- struct{}{}
		}
		synctest.Wait()
		b.requireOnce(5, 1)
	})
}

func TestAStopFinishesTheTransactionOfSeveralPartitionsAndBeginsNoOther(t *testing.T) {
	runOf(t, 4, held, func(t *testing.T, b *bench) {
		b.publishTo(0, 1, usual, "a")
		<-b.toy.holding
		for partition := 1; partition < 3; partition++ {
			b.publishTo(partition, 1, usual, "a")
		}
		synctest.Wait()
		b.toy.hold <- struct{}{}
		<-b.toy.holding // two of them
		b.publishTo(0, 2, usual, "a")
		b.publishTo(3, 1, usual, "a")
		synctest.Wait() // and two wait
		b.stop()
		b.toy.hold <- struct{}{}
		begun := 2
		for stopped := false; !stopped; {
			select {
			case <-b.done:
				stopped = true
			case <-b.toy.holding:
				begun++
				b.toy.hold <- struct{}{}
			}
		}
		require.Equal(t, 2, begun)
		require.Equal(t, 3, strings.Count(strings.Join(b.log.did, " "), "ack 1"))
		require.NotContains(t, b.log.did, "ack 2")
		require.Equal(t, 4, b.log.closed)
		sub, err := b.log.Stream.Subscribe(t.Context(), 3)
		require.NoError(t, err)
		d := <-sub.Deliveries()
		require.Equal(t, uuid.UUID{14: 3, 15: 1}, d.Entry.ID,
			"what was not begun is delivered again")
		require.NoError(t, sub.Close())
	})
}

func TestWhateverFailsEachEntryOfEachPartitionIsAppliedOnceAndInOrder(t *testing.T) {
	const partitions, entries = 8, 120
	var together atomic.Bool
	runOf(t, partitions, func(b *bench) {
		b.toy.fail = func(all []Partitioned) error {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
			together.CompareAndSwap(false, all[0].Partition != all[len(all)-1].Partition)
			switch rand.IntN(10) {
			case 0:
				return fault.Errorf(fault.Unavailable, "away")
			case 1:
				return errors.New("a fault")
			case 2:
				if len(all) > 1 { // one alone would be set aside
					return fault.Field("answer", "cannot be stored")
				}
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		for n := range byte(entries) {
			for partition := range partitions {
				b.publishTo(partition, n+1, usual, "a")
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		b.requireOnce(partitions, entries)
		require.NoError(t, b.Ready())
		require.True(t, together.Load())
	})
}

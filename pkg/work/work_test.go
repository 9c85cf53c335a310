package work

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
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
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsDeliveredTogetherIsAppliedTogetherAndInOrder(t *testing.T) {
	run(t, func(b *bench) {
		for i := range byte(3) {
			b.publish(i+1, usual, "ab")
		}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.Len(t, b.toy.applied, 1)
		for i, e := range b.toy.applied[0] {
			require.Equal(t, uuid.UUID{15: byte(i + 1)}, e.ID)
			require.Equal(t, queue.Reply{EntryID: e.ID, Body: []byte{done, done}},
				<-b.log.Replies())
		}
		require.Equal(t, []string{"ack 3", "reply to inproc"}, b.log.did,
			"one acknowledgement, after the commit; a bus that is away fails nothing")
	})
}

func TestATransactionIsBounded(t *testing.T) {
	run(t, func(b *bench) {
		for i := range byte(8) {
			b.publish(i+1, usual, strings.Repeat("a", 2000))
		}
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Len(t, b.toy.applied, 4)
		for i, entries := range b.toy.applied {
			require.Len(t, entries, 2, "4,000 items: one more entry would be too many")
			require.Equal(t, uuid.UUID{15: byte(2*i + 1)}, entries[0].ID, "and the order stays")
		}
	})
}

func TestNobodyIsAnsweredWhoDoesNotWaitOrHasNothingToHear(t *testing.T) {
	run(t, func(b *bench) {
		b.publish(1, silent, "a")
		b.publish(2, usual, "") // no items, no results
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Empty(t, b.log.Replies())
		require.Equal(t, []string{"ack 2"}, b.log.did)
	})
}

func TestAnEntryThatComesAgainHasNoSecondEffectAndNoSecondReply(t *testing.T) {
	run(t, func(b *bench) {
		b.log.noAck = errors.New("the connection was lost")
		b.publish(1, usual, "a")
	}, func(t *testing.T, b *bench) {
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.Len(t, b.toy.applied, 2, "it was asked again")
		require.Equal(t, queue.Reply{EntryID: uuid.UUID{15: 1}, Body: []byte{done}},
			<-b.log.Replies())
		require.Empty(t, b.log.Replies())
		require.Equal(t, []string{"reply to inproc", "ack 1"}, b.log.did)
		require.Equal(t, 2, b.log.subscribed)
	})
}

func TestWhileTheStoreIsAwayTheEntryIsKept(t *testing.T) {
	tries := 0
	run(t, func(b *bench) {
		b.toy.fail = func([]Partitioned) error {
			if tries++; tries < 20 {
				return fault.Errorf(fault.Unavailable, "away")
			}
			return nil
		}
		b.publish(1, usual, "a")
	}, func(t *testing.T, b *bench) {
		begun := time.Now()
		<-b.log.Replies()
		require.Equal(t, 20, tries)
		require.Less(t, time.Since(begun), 20*maxWait)
		require.Equal(t, 1, b.log.subscribed,
			"the subscription stays: nothing is delivered again or out of order")
	})
}

func TestAnEntryThatCannotBeDecodedHoldsUpNobodyWhileNothingTakesItAside(t *testing.T) {
	for name, c := range map[string]struct {
		kind   byte
		reason string
	}{"its envelope": {junk, "malformed"}, "its body": {odd, "malformed: odd"}} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.log.noDead = errors.New("the broker takes no messages")
				b.publish(1, usual, "a")
				b.publish(2, c.kind, "b")
				b.publish(3, usual, "c")
			}, func(t *testing.T, b *bench) {
				time.Sleep(time.Minute)
				synctest.Wait()
				counted := []string{"ack 1", "reply to inproc", "ack 3", "reply to inproc"}
				require.Equal(t, counted, b.log.did,
					"it is not acknowledged before it is kept aside safely")
				b.log.set(func() { b.log.noDead = nil })
				time.Sleep(2 * maxWait)
				synctest.Wait()
				require.Equal(t, append(counted, "dead letter 2: "+c.reason, "ack 2"), b.log.did)
				require.Equal(t, []string{"b"}, b.letters())
			})
		})
	}
}

func TestAStopDoesNotWaitForWhatCannotBeSetAside(t *testing.T) {
	run(t, func(b *bench) {
		b.log.noDead = errors.New("the broker takes no messages")
		b.publish(1, junk, "a")
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		begun := time.Now()
		b.stop()
		<-b.done
		require.Zero(t, time.Since(begun))
		require.Empty(t, b.log.did)
	})
}

// refuse fails where an item is among the entries that the store cannot keep.
func refuse(item string) func([]Partitioned) error {
	return func(entries []Partitioned) error {
		for _, e := range entries {
			if !e.Halved && strings.Contains(string(e.Body), item) {
				return fault.Field("answer", "cannot be stored")
			}
		}
		return nil
	}
}

func TestAnEntryThatCannotBeAppliedDoesNotHoldUpItsNeighbours(t *testing.T) {
	run(t, func(b *bench) {
		b.toy.fail = refuse("!")
		b.publish(1, usual, "a")
		b.publish(2, usual, "!")
		b.publish(3, usual, "c")
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Len(t, b.toy.applied, 2)
		require.Equal(t, []string{
			"ack 1", "reply to inproc", "dead letter 2: invalid: answer: cannot be stored", "ack 2",
			"ack 3", "reply to inproc",
		}, b.log.did)
	})
}

func TestAnEntryThatIsInvalidInAFeaturesOwnWordsIsIsolatedToo(t *testing.T) {
	run(t, func(b *bench) {
		refused := refuse("!")
		b.toy.fail = func(entries []Partitioned) error {
			if refused(entries) != nil {
				return fault.Errorf(fault.Invalid.Named("no_toy"), "cannot be stored")
			}
			return nil
		}
		b.publish(1, usual, "a")
		b.publish(2, usual, "!")
		b.publish(3, usual, "c")
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Len(t, b.toy.applied, 2, "its neighbours are applied")
		require.Equal(t, []string{"!"}, b.letters())
		require.NoError(t, b.Ready())
	})
}

func TestAnItemThatCannotBeAppliedIsSetAsideAloneAndTheOthersOfItsEntryApplyInOrder(t *testing.T) {
	run(t, func(b *bench) {
		b.toy.fail = refuse("!")
		b.publish(1, usual, "ab!de!g")
		b.publish(2, usual, "h")
	}, func(t *testing.T, b *bench) {
		require.Equal(t, queue.Reply{EntryID: uuid.UUID{15: 1},
			Body: []byte{done, done, 0, done, done, 0, done}}, <-b.log.Replies())
		synctest.Wait()
		items := ""
		var last Partitioned
		ids := map[uuid.UUID]bool{}
		for _, entries := range b.toy.applied[:len(b.toy.applied)-1] {
			last = entries[0]
			if !last.Halved {
				items += string(last.Body)
			}
			require.False(t, ids[last.ID])
			ids[last.ID] = true
		}
		require.Equal(t, "abdeg", items)
		require.Equal(t, uuid.UUID{15: 1}, last.ID, "then the whole is recorded")
		require.True(t, last.Halved)
		require.Equal(t, []string{"dead letter 1: invalid: answer: cannot be stored",
			"dead letter 1: invalid: answer: cannot be stored",
			"ack 1", "reply to inproc", "ack 2", "reply to inproc"}, b.log.did)
		require.Equal(t, []string{"!", "!"}, b.letters())
	})
}

func TestHalvesThatComeAgainAreKnownByTheirIDs(t *testing.T) {
	run(t, func(b *bench) {
		b.toy.fail = refuse("!")
		b.log.noAck = errors.New("the connection was lost")
		b.publish(1, usual, "ab!d")
	}, func(t *testing.T, b *bench) {
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.Equal(t, []byte{done, done, 0, done}, (<-b.log.Replies()).Body)
		require.Equal(t, []byte{0, 0, 0, 0}, (<-b.log.Replies()).Body,
			"what was applied before is not known again")
		require.Len(t, b.toy.ids, 3, "two halves, and the whole")
		require.Equal(t, []string{"!"}, b.letters(), "kept twice, and the same letter")
	})
}

func TestADeadLetterThatIsReplayedIsAppliedAsSuch(t *testing.T) {
	run(t, func(b *bench) {
		b.toy.fail = refuse("!")
		b.publish(1, usual, "!")
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		b.toy.mu.Lock()
		b.toy.fail = nil
		b.toy.mu.Unlock()
		require.NoError(t, b.log.VisitDeadLetters(t.Context(),
			func(queue.DeadLetter) queue.Fate { return queue.Replay }, func(_ queue.DeadLetter,
				err error) {
				require.NoError(t, err)
			}))
		synctest.Wait()
		require.True(t, b.toy.applied[0][0].Replayed)
		require.Empty(t, b.letters())
	})
}

func TestAFaultOfTheStoreCostsNothing(t *testing.T) {
	var fault atomic.Bool
	fault.Store(true)
	run(t, func(b *bench) {
		b.toy.fail = func([]Partitioned) error {
			if fault.Load() {
				return errors.New("column does not exist")
			}
			return nil
		}
		b.publish(1, usual, "a")
	}, func(t *testing.T, b *bench) {
		time.Sleep(time.Hour)
		synctest.Wait()
		require.ErrorContains(t, b.Ready(), "column does not exist")
		require.False(t, b.Follows(0))
		require.Empty(t, b.log.did, "nothing is set aside or acknowledged")
		fault.Store(false)
		<-b.log.Replies()
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.True(t, b.Follows(0))
	})
}

func TestAnEntryOfANewerVersionIsLeftToANewerWorker(t *testing.T) {
	run(t, func(b *bench) {
		b.publish(1, usual, "a")
		b.publish(2, newer, "b")
		b.publish(3, usual, "c")
	}, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.Equal(t, []string{"ack 1", "reply to inproc"}, b.log.did,
			"it is not set aside, and nothing overtakes it")
		require.Equal(t, 1, b.log.closed)
		require.ErrorIs(t, b.Ready(), queue.ErrVersion)
	})
}

func TestAWorkerThatLeftAnEntryToANewerOneIsNotReadyUntilItReadsWithoutIt(t *testing.T) {
	run(t, func(b *bench) {
		b.publish(1, newer, "a")
		b.log.closing = func() {
			if b.log.closed > 1 && b.log.closed <= 5 {
				require.ErrorIs(t, b.Ready(), queue.ErrVersion, "not for a moment")
			}
			if b.log.closed == 5 { // it comes again at each subscription until somebody else has it
				sub, err := b.log.Stream.Subscribe(context.Background(), 0)
				require.NoError(t, err)
				require.NoError(t, sub.Ack((<-sub.Deliveries()).Tag))
				require.NoError(t, sub.Close())
			}
		}
	}, func(t *testing.T, b *bench) {
		for b.log.closings() < 5 {
			time.Sleep(maxWait / 10)
			require.ErrorIs(t, b.Ready(), queue.ErrVersion)
		}
		time.Sleep(maxWait + 2*provenAfter)
		synctest.Wait()
		require.NoError(t, b.Ready())
	})
}

func TestALostSubscriptionIsTakenUpAgain(t *testing.T) {
	run(t, nothing, func(t *testing.T, b *bench) {
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.NoError(t, b.log.last.Close())
		synctest.Wait()
		require.Error(t, b.Ready())
		time.Sleep(2 * maxWait)
		synctest.Wait()
		require.NoError(t, b.Ready())
		require.Greater(t, b.log.subscribed, 1)
	})
}

func TestPartitionsAreTakenOneAfterTheOtherSoThatWorkersThatStartTogetherShareThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions = 40
		var mu sync.Mutex
		first := map[int]int{}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for worker := range 2 {
			log := &spy{away: errors.New("away"), asked: func(partition int) {
				mu.Lock()
				defer mu.Unlock()
				if _, taken := first[partition]; !taken {
					first[partition] = worker
				}
			}}
			w := New(Config{
				Stream: log, Partitions: partitions, Applier: &toy{}, IDs: &toy{}, Bus: &awayBus{},
				Logger: slog.New(slog.DiscardHandler),
			})
			running.Go(func() { w.Run(ctx) })
		}
		time.Sleep(time.Second)
		synctest.Wait()
		shares := [2]int{}
		for _, worker := range first {
			shares[worker]++
		}
		require.Equal(t, partitions, shares[0]+shares[1], "all within a second")
		require.Positive(t, shares[0])
		require.Positive(t, shares[1])
		stop()
		running.Wait()
	})
}

// table is where the number of partitions is written.
type table struct {
	mu   sync.Mutex
	n    int
	away error
}

func (b *table) set(n int, away error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n, b.away = n, away
}

func (b *table) CountPartitions(context.Context) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n, b.away
}

func TestARunningWorkerFollowsPartitionsThatAreAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, end := newSpy(t, 2)
		table, toy := &table{n: 2}, &toy{ids: map[uuid.UUID]bool{}}
		w := New(Config{
			Stream: log, Partitions: 2, Table: table, Applier: toy, IDs: toy, Bus: &awayBus{},
			Logger: slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		later := func() { time.Sleep(3 * lookEvery); synctest.Wait() }
		later()
		require.NoError(t, w.Ready())
		require.True(t, w.Follows(1))
		require.False(t, w.Follows(2), "there is none")
		require.False(t, w.Follows(-1))

		table.set(8, errors.New("away"))
		later()
		require.False(t, w.Follows(7))
		require.NoError(t, w.Ready(), "nobody knows of more")
		table.set(8, nil)
		later()
		require.NoError(t, w.Ready())
		require.True(t, w.Follows(7))
		for p := range 8 {
			applied := make(chan error, 1)
			e := queue.Entry{ID: uuid.UUID{15: byte(p + 1)}, Type: usual, Body: []byte("a")}
			require.NoError(t, log.Publish(ctx, p, e, func(err error) { applied <- err }))
			require.NoError(t, <-applied, "partition %d", p)
		}
		table.set(3, nil)
		later()
		require.True(t, w.Follows(7), "none goes")
		table.set(1<<30, nil)
		later()
		require.False(t, w.Follows(queue.MaxPartitions), "no log has more")
		stop()
		running.Wait()
		end()
	})
}

func TestAWorkerIsNotReadyWhileAPartitionThatWasAddedIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Config{
			Stream: &spy{away: errors.New("no such queue")}, Table: &table{n: 2}, Partitions: 1,
			Applier: &toy{}, IDs: &toy{}, Bus: &awayBus{}, Logger: slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		time.Sleep(3 * lookEvery)
		synctest.Wait()
		require.ErrorContains(t, w.Ready(), "partition 1: no such queue")
		require.False(t, w.Follows(1))
		stop()
		running.Wait()
	})
}

func TestAStopFinishesTheTransactionUnderWayAndBeginsNoOther(t *testing.T) {
	run(t, func(b *bench) {
		b.toy.hold, b.toy.holding = make(chan struct{}), make(chan struct{})
		b.publish(1, usual, "a")
	}, func(t *testing.T, b *bench) {
		<-b.toy.holding
		b.publish(2, usual, "b")
		b.stop()
		b.toy.hold <- struct{}{}
		begun := 1
		for stopped := false; !stopped; {
			select {
			case <-b.done:
				stopped = true
			case <-b.toy.holding:
				begun++
				b.toy.hold <- struct{}{}
			}
		}
		require.Equal(t, 1, begun)
		require.Equal(t, []string{"ack 1", "reply to inproc"}, b.log.did)
		require.Equal(t, 1, b.log.closed)
	})
}

func TestOldIDsAreForgotten(t *testing.T) {
	run(t, func(b *bench) { b.toy.old = 2*forgetStep + 1 }, func(t *testing.T, b *bench) {
		time.Sleep(forgetEvery)
		synctest.Wait()
		require.Zero(t, b.toy.old)
	})
}

func TestThatAThingIsGoneIsLostLoudlyAndResultsQuietly(t *testing.T) {
	for level, change := range map[string]bus.Change{
		"WARN": {Thing: talk}, "DEBUG": {Thing: talk, Part: uuid.UUID{15: 2}, Revision: 1},
	} {
		var out bytes.Buffer
		debug := &slog.HandlerOptions{Level: slog.LevelDebug}
		n := newNews(&awayBus{}, slog.New(slog.NewTextHandler(&out, debug)))
		n.add([]bus.Change{change})
		n.announce()
		require.Contains(t, out.String(), "level="+level+" ")
	}
}

func TestChangesAreAnnouncedAtOnceAndThenInBundles(t *testing.T) {
	change := func(revision int64) []bus.Change {
		return []bus.Change{{Part: uuid.UUID{15: 1}, Revision: revision}}
	}
	other := []bus.Change{{Part: uuid.UUID{15: 2}, Revision: 9}}
	run(t, nothing, func(t *testing.T, b *bench) {
		announced := func() [][]bus.Change {
			synctest.Wait()
			b.bus.mu.Lock()
			defer b.bus.mu.Unlock()
			return slices.Clone(b.bus.announced)
		}
		b.news.add(change(1))
		require.Equal(t, [][]bus.Change{change(1)}, announced())
		for _, c := range [][]bus.Change{change(2), other, change(4), change(3)} {
			b.news.add(c)
		}
		require.Len(t, announced(), 1)
		time.Sleep(newsEvery)
		require.Len(t, announced(), 2)
		require.ElementsMatch(t, slices.Concat(change(4), other), announced()[1],
			"the newest of each")
		b.news.add(change(5))
		b.stop()
		<-b.done
		require.Equal(t, change(5), announced()[2], "a stop leaves nothing unsaid")
	})
}

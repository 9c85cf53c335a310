package commit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestADurableItemIsAcceptedWhenTheSenderHasWaitedEnough(t *testing.T) {
	for _, enough := range []time.Duration{DefaultWait, 0, 3 * time.Second, Deadline, time.Hour} {
		wait := Wait{For: enough}
		run(t, func(t *testing.T, b *bench) {
			a := b.commit(1, wait)
			(<-b.log.Entries).Confirm(nil)
			got := <-a
			require.NoError(t, got.err)
			require.Zero(t, got.result)
			require.Equal(t, min(wait.For, Deadline), got.took)
		})
	}
}

func TestAsyncWaitsForTheConfirmAndNoLonger(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.commit(1, Wait{For: DefaultWait, Async: true})
		p := <-b.log.Entries
		time.Sleep(300 * time.Millisecond)
		require.Empty(t, a, "not before it is durable")
		p.Confirm(nil)
		got := <-a
		require.NoError(t, got.err)
		require.Equal(t, 300*time.Millisecond, got.took)
	})
}

func TestAnItemConfirmedAfterTheWindowNeedsAResult(t *testing.T) {
	for _, wait := range []Wait{usual, {For: 0}, {Async: true, For: DefaultWait}} {
		run(t, func(t *testing.T, b *bench) {
			a := b.commit(1, wait)
			p := <-b.log.Entries
			time.Sleep(window + 1)
			p.Confirm(nil)
			time.Sleep(time.Second)
			require.Empty(t, a, "its seal may be before it in the log")
			b.reply(p, kept)
			require.NoError(t, (<-a).err)
		})
		run(t, func(t *testing.T, b *bench) {
			a := b.commit(1, wait)
			p := <-b.log.Entries
			time.Sleep(window + 1)
			p.Confirm(nil)
			got := <-a
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Equal(t, Deadline, got.took)
		})
	}
}

func TestAnItemThatIsNeverConfirmedIsUnknownAtTheDeadline(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.commit(1, usual)
		p := <-b.log.Entries
		got := <-a
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Equal(t, Deadline, got.took)
		p.Confirm(queue.ErrUnknown)
	})
}

func TestAfterALostConnectionOnlyAResultIsAnAnswer(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.commit(1, usual)
		p := <-b.log.Entries
		p.Confirm(queue.ErrUnknown)
		time.Sleep(2 * time.Second)
		require.Empty(t, a)
		b.reply(p, kept)
		require.NoError(t, (<-a).err)
		require.Empty(t, b.log.Entries, "nothing is published twice")
	})
}

func TestWhatTheLogRefusesIsRefusedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.commit(1, usual)
		(<-b.log.Entries).Confirm(queue.ErrRefused)
		got := <-a
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took)
		require.Empty(t, b.expected)

		broken := errors.New("cannot be encoded")
		for _, err := range []error{queue.ErrRefused, queue.ErrUnknown, broken} {
			b.log.Fail(err)
			got = <-b.commit(1, usual)
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err), err)
		}
	})
}

func TestABatchLeavesAtOnceAndWhatArrivesMeanwhileFormsTheNext(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		first := b.commit(1, usual)
		flying := <-b.log.Entries
		require.Len(t, postsOf(flying), 1)
		answers := b.commitMany(worthwhile - 1)
		synctest.Wait()
		require.Empty(t, b.log.Entries, "a message for so few would cost more than they do")
		flying.Confirm(nil)
		synctest.Wait()
		require.Empty(t, b.log.Entries, "the worker is not done with the last one")
		b.reply(flying, kept)
		require.NoError(t, (<-first).err)
		next := <-b.log.Entries
		require.Len(t, postsOf(next), worthwhile-1)
		b.reply(next, kept)
		next.Confirm(nil)
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
	})
}

func TestABatchThatIsWorthItsMessageLeavesUntilEverySlotIsTaken(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		answers := b.commitMany(1)
		flying := []*committest.Entry{<-b.log.Entries}
		for len(flying) < publishSlots {
			answers = append(answers, b.commitMany(worthwhile)...)
			flying = append(flying, <-b.log.Entries)
			require.Len(t, postsOf(flying[len(flying)-1]), worthwhile)
		}
		answers = append(answers, b.commitMany(2*worthwhile)...)
		synctest.Wait()
		require.Empty(t, b.log.Entries, "no slot is free")
		flying[0].Confirm(nil)
		flying = append(flying, <-b.log.Entries)
		require.Len(t, postsOf(flying[publishSlots]), 2*worthwhile)
		for i, p := range flying {
			if i > 0 {
				p.Confirm(nil)
			}
			b.reply(p, kept)
		}
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
	})
}

func TestWhereNoWorkerAppliesAFewItemsLeaveAllTheSame(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.commit(1, usual)
		(<-b.log.Entries).Confirm(nil)
		begun := time.Now()
		a := b.commit(2, Wait{Async: true})
		p := <-b.log.Entries
		require.Equal(t, patience, time.Since(begun))
		p.Confirm(nil)
		require.NoError(t, (<-a).err)
		time.Sleep(Deadline)
	})
}

func TestItemsThatWaitedLongerThanTheWindowAreNotWritten(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		l := newLane(b.Group, 0) // not running: its steps are done by hand
		item := itemOf(1, "A")
		old, place, err := l.admit(&item, b.waiter())
		require.NoError(t, err)
		time.Sleep(window + 1)
		item = itemOf(2, "B")
		open, young, err := l.admit(&item, b.waiter())
		require.NoError(t, err)
		require.Same(t, old, open)

		next, _ := l.depart()
		l.publish(next)
		e := <-b.log.Entries
		require.Equal(t, []post{{2, "B"}}, postsOf(e))
		_, ok := old.written(place)
		require.False(t, ok)
		at, ok := old.written(young)
		require.True(t, ok)
		require.Zero(t, at, "results are for what was written")
		e.Confirm(nil)

		_, err = old.await(t.Context(), b.waiter(), place, time.Now(), time.Now(), usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	})
}

func TestWhenTheBrokerConfirmsNothingWhatWaitsIsRefused(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.commit(1, usual)
		flying := <-b.log.Entries
		got := <-b.commit(99, usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.LessOrEqual(t, got.took, stall)
		got = <-b.commit(99, usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took, "what comes after that does not wait")
		flying.Confirm(queue.ErrUnknown)
		synctest.Wait()
		a := b.commit(99, usual)
		p := <-b.log.Entries
		p.Confirm(nil)
		b.reply(p, kept)
		require.NoError(t, (<-a).err, "when the broker is back, items are taken again")
		time.Sleep(Deadline)
	})
}

func TestAConfirmInTheLastMomentOfAStallLeavesNobodyRefusedForEver(t *testing.T) {
	for _, early := range []time.Duration{0, 1, patience / 2} {
		run(t, func(t *testing.T, b *bench) {
			b.commit(1, usual)
			flying := <-b.log.Entries
			b.commit(2, usual) // waits for the result of the first
			synctest.Wait()
			time.Sleep(stall - early)
			flying.Confirm(nil)
			time.Sleep(2 * patience)
			synctest.Wait()
			for len(b.log.Entries) > 0 {
				(<-b.log.Entries).Confirm(nil)
			}
			a := b.commit(3, Wait{Async: true})
			time.Sleep(2 * patience)
			synctest.Wait()
			require.NotEmpty(t, b.log.Entries, "an item that comes now is taken")
			(<-b.log.Entries).Confirm(nil)
			require.NoError(t, (<-a).err)
			time.Sleep(Deadline)
		})
	}
}

func TestWhenTheConnectionTakesNothingWhoeverComesIsToldAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.log.Deafen(true)
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-b.commit(1, usual)).err))
		for range 3 {
			got := <-b.commit(2, usual)
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Zero(t, got.took)
		}
		b.log.Deafen(false)
		time.Sleep(stall)
		synctest.Wait()
		a := b.commit(3, usual)
		p := <-b.log.Entries
		p.Confirm(nil)
		b.reply(p, kept)
		require.NoError(t, (<-a).err, "it is tried again after the time of a stall")
	})
}

func TestAStopDoesNotWaitForABrokerThatConfirmsNothing(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.commitMany(1)
		<-b.log.Entries // never confirmed
		a := b.commit(99, usual)
		synctest.Wait()
		begun := time.Now()
		lifetest.Stop(t, b)
		require.LessOrEqual(t, time.Since(begun), stall)
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-a).err))
		time.Sleep(Deadline)
	})
}

func TestMoreThanMayWaitAreRefusedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		answers := b.commitMany(mayWait)
		synctest.Wait()
		require.Equal(t, mayWait, b.Waiting(), "half of what may wait in all, for one partition")
		got := <-b.commit(200, usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.Zero(t, got.took)
		go func() {
			for e := range b.log.Entries {
				e.Confirm(nil)
			}
		}()
		for _, a := range answers {
			require.NoError(t, (<-a).err)
		}
		require.Zero(t, b.Waiting())

		b.config.MaxWaiting = 0 // as if other partitions held all
		require.Equal(t, fault.Unavailable, fault.CodeOf(b.Enter()))
		require.Zero(t, b.Waiting(), "a sender that may not enter has no seat")
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-b.commit(1, usual)).err))
	})
}

func TestOneSenderMayNotFillTheWaitingRoom(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		l := newLane(b.Group, 0)
		b.maxLane.Store(senderItems + 1)
		admit := func() error {
			item := itemOf(1, "A")
			_, _, err := l.admit(&item, b.waiter())
			return err
		}
		for range senderItems {
			require.NoError(t, admit())
		}
		require.Equal(t, fault.Busy, fault.CodeOf(admit()))
		sender := itemOf(1, "A").Sender
		l.release(sender)
		require.NoError(t, admit())
		for range senderItems {
			l.release(sender)
		}
		require.Empty(t, l.senders, "no sender is remembered")
	})
}

func TestResultsThatNeverComeAreForgotten(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		a := b.commit(1, Wait{Async: true})
		(<-b.log.Entries).Confirm(nil)
		require.NoError(t, (<-a).err)
		time.Sleep(3 * Deadline)
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.expected)
	})
}

func TestClosingSendsWhatWaits(t *testing.T) {
	c := config()
	c.MaxWaiting = 1000
	runWith(t, c, func(t *testing.T, b *bench) {
		var committing sync.WaitGroup
		for i := range 500 {
			committing.Go(func() {
				item := itemOf(byte(i), "A")
				item.Sender = uuid.UUID{byte(i), byte(i >> 8), 1}
				if _, err := b.send(context.Background(), item, Wait{Async: true}); err != nil {
					panic(fmt.Sprint("an accepted item was not sent: ", err))
				}
			})
		}
		synctest.Wait()
		go func() {
			for e := range b.log.Entries {
				e.Confirm(nil)
			}
		}()
		lifetest.Stop(t, b)
		committing.Wait()
	})
}

func TestASenderIsToldWhatItsResultMeans(t *testing.T) {
	for result, want := range map[int]fault.Code{
		kept: {}, replaced: {}, late: tooLate, wrong: fault.Invalid, 77: fault.Unavailable,
	} {
		run(t, func(t *testing.T, b *bench) {
			a := b.commit(1, usual)
			e := <-b.log.Entries
			require.Equal(t, partition, e.Partition)
			require.EqualValues(t, 7, e.Type)
			require.Equal(t, []post{{1, "A"}}, postsOf(e))
			b.reply(e, result) // the reply may come before the confirm
			got := <-a
			require.Equal(t, want, fault.CodeOf(got.err))
			if want == (fault.Code{}) {
				require.Equal(t, result, got.result)
			}
			e.Confirm(nil)
		})
	}
}

func TestWhereNothingJudgesAResultIsWhatItIs(t *testing.T) {
	c := config()
	c.Judge = nil
	runWith(t, c, func(t *testing.T, b *bench) {
		a := b.commit(1, usual)
		b.reply(<-b.log.Entries, 77)
		require.Equal(t, 77, (<-a).result)
	})
}

func TestAReplyWithTooFewResultsLeavesTheOthersUnknown(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		first := b.commit(1, usual)
		flying := <-b.log.Entries
		told, silent := b.submit(2, false), b.submit(3, false)
		b.reply(flying, kept)
		require.NoError(t, (<-first).err)
		(<-b.log.Entries).Reply(encodeResults(kept))
		require.Equal(t, kept, (<-told.heard).result)
		require.Equal(t, fault.Unavailable, fault.CodeOf((<-silent.heard).err))
	})
}

func TestWithoutAWindowAConfirmIsEnoughWheneverItComes(t *testing.T) {
	c := config()
	c.Window = 0
	runWith(t, c, func(t *testing.T, b *bench) {
		blocks := b.commit(1, Wait{Async: true})
		e := <-b.log.Entries
		time.Sleep(3 * time.Second)
		require.Empty(t, blocks)
		e.Confirm(nil)
		require.Equal(t, answer{took: 3 * time.Second}, <-blocks)
		b.reply(e, kept)

		hears := b.submit(2, true)
		e = <-b.log.Entries
		time.Sleep(3 * time.Second)
		require.Empty(t, hears.heard)
		e.Confirm(nil)
		require.Equal(t, answer{took: 3 * time.Second}, <-hears.heard)
		b.reply(e, kept)
	})
}

func TestWithoutAWindowNothingExpiresBeforeTheWrite(t *testing.T) {
	c := config()
	c.Window = 0
	runWith(t, c, func(t *testing.T, b *bench) {
		l := newLane(b.Group, 0)
		h := b.submitTo(t.Context(), l, 1, false)
		time.Sleep(DefaultWait / 2)
		next, _ := l.depart()
		time.Sleep(DefaultWait)
		l.publish(next)
		e := <-b.log.Entries
		require.Len(t, postsOf(e), 1)
		e.Confirm(nil)
		require.NoError(t, (<-h.heard).err)
	})
}

func TestAnItemWithoutATimeOfAcceptanceIsAcceptedWhenItArrived(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		item := itemOf(1, "A")
		item.Accepted = time.Time{}
		out := make(chan error)
		go func() {
			_, err := b.send(t.Context(), item, Wait{Async: true})
			out <- err
		}()
		e := <-b.log.Entries
		time.Sleep(window)
		e.Confirm(nil)
		require.NoError(t, <-out)
	})
}

func TestWhatCannotBeEncodedIsRefusedAndTheNextItemIsNot(t *testing.T) {
	c := config()
	broken := errors.New("cannot be encoded")
	c.Encode = func(buf []byte, items []post) (byte, []byte, error) {
		if items[0].author == 1 {
			return 0, nil, broken
		}
		return encodePosts(buf, items)
	}
	runWith(t, c, func(t *testing.T, b *bench) {
		got := <-b.commit(1, usual)
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
		require.ErrorIs(t, got.err, broken)
		require.Zero(t, got.took)
		h := b.submit(2, false)
		b.reply(<-b.log.Entries, kept)
		require.NoError(t, (<-h.heard).err)
	})
}

package commit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

// batchAlone makes a batch of posts that no lane publishes.
func batchAlone(posts int) *batch[post, int] {
	c := config()
	b := newBatch(newLane(&Group[post, int]{config: c}, partition), posts)
	for i := range posts {
		item := itemOf(byte(i), "A")
		b.put(&item)
	}
	return b
}

// block has a waiter wait for the item at a place.
func (b *batch[T, R]) block(w *waiter, place int, wait Wait) <-chan error {
	out := make(chan error, 1)
	b.waiters.add(w)
	go func() {
		_, err := b.await(context.Background(), w, place, b.accepted[place], b.accepted[place],
			wait)
		out <- err
	}()
	synctest.Wait()
	return out
}

func TestAWaiterIsWokenByNewsThatIsWorthIt(t *testing.T) {
	settled := func(err error) func(*batch[post, int]) {
		return func(b *batch[post, int]) { b.settle(err, time.Now()) }
	}
	replied := func(b *batch[post, int]) { b.reply([]int{kept}) }
	for name, c := range map[string]struct {
		wait  Wait
		news  func(*batch[post, int])
		wakes bool
		want  fault.Code
	}{
		"patient, confirmed": {usual, settled(nil), false, fault.Code{}},
		"patient, unknown":   {usual, settled(queue.ErrUnknown), false, fault.Code{}},
		"patient, refused":   {usual, settled(queue.ErrRefused), true, fault.Unavailable},
		"patient, replied":   {usual, replied, true, fault.Code{}},
		"async, confirmed":   {Wait{Async: true}, settled(nil), true, fault.Code{}},
		"async, refused": {Wait{Async: true}, settled(queue.ErrRefused), true,
			fault.Unavailable},
		"async, replied":        {Wait{Async: true}, replied, true, fault.Code{}},
		"impatient, confirmed":  {Wait{}, settled(nil), true, fault.Code{}},
		"impatient, refused":    {Wait{}, settled(queue.ErrRefused), true, fault.Unavailable},
		"the longest, replied":  {Wait{For: Deadline}, replied, true, fault.Code{}},
		"the longest, confirms": {Wait{For: Deadline}, settled(nil), false, fault.Code{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := batchAlone(1)
				w := b.home.group.waiter()
				out := b.block(w, 0, c.wait)
				require.Empty(t, out)
				sleeps := b.home.group.waiter() // keeps what it is brought
				sleeps.eager.Store(w.eager.Load())
				b.waiters.add(sleeps)
				c.news(b)
				require.Equal(t, c.wakes, len(sleeps.news) == 1)
				synctest.Wait()
				if !c.wakes {
					require.Empty(t, out)
					b.reply([]int{kept})
				}
				require.Equal(t, c.want, fault.CodeOf(<-out))
			})
		})
	}
}

func TestAWaiterThatIsUsedAgainGoesByWhatItsOwnBatchSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := batchAlone(1), batchAlone(1)
		w := first.home.group.waiter()
		out := first.block(w, 0, Wait{Async: true})
		first.settle(nil, time.Now())
		require.NoError(t, <-out)
		out = second.block(w, 0, Wait{Async: true})
		first.reply([]int{wrong}) // news of before
		synctest.Wait()
		require.Empty(t, out)
		second.settle(nil, time.Now())
		require.NoError(t, <-out)
	})
}

func TestAWaiterHearsTheConfirmWhenItsPatienceIsOver(t *testing.T) {
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := batchAlone(1)
			out := b.block(b.home.group.waiter(), 0, Wait{For: window / 2})
			time.Sleep(window / 4)
			if before {
				b.settle(nil, time.Now())
			}
			time.Sleep(window/4 + 1)
			synctest.Wait()
			if !before {
				require.Empty(t, out)
				b.settle(nil, time.Now())
			}
			synctest.Wait()
			require.Len(t, out, 1)
			require.NoError(t, <-out)
		})
	}
}

func TestAWaiterThatComesAfterTheNewsDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := batchAlone(1)
		b.reply([]int{late})
		require.Equal(t, tooLate, fault.CodeOf(<-b.block(b.home.group.waiter(), 0, usual)))
	})
}

func TestHearersAreToldWhatIsKnownAndTheOthersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := batchAlone(0)
		for author := range byte(4) {
			item := itemOf(author, "A")
			b.listen(&hearer[post, int]{place: b.put(&item), async: author%2 == 1})
		}
		require.Empty(t, b.heard())
		b.settle(nil, time.Now())
		told := b.heard()
		require.Len(t, told, 2, "the confirm is enough for those")
		require.Equal(t, []int{1, 3}, []int{told[0].place, told[1].place})
		require.Empty(t, b.heard(), "they are told once")
		b.reply([]int{kept, kept, wrong, kept})
		told = b.heard()
		require.Len(t, told, 2)
		require.Equal(t, kept, told[0].result)
		require.Equal(t, fault.Invalid, fault.CodeOf(told[1].err))
		require.False(t, b.hearers.attention.Stop(), "with nobody left it was stopped")
	})
}

func TestAnAsyncSenderIsToldNoMoreThanThatItsItemIsDurableExceptWhatIsWrong(t *testing.T) {
	b := batchAlone(2)
	b.settle(nil, time.Now())
	b.reply([]int{kept, late})
	for place, want := range []fault.Code{{}, tooLate} {
		result, known, err := b.answer(place, b.accepted[place], false, true)
		require.True(t, known)
		require.Equal(t, want, fault.CodeOf(err))
		if err == nil {
			require.Zero(t, result)
		}
	}
}

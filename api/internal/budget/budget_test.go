package budget

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestNoMoreThanSoManyHaveATurnAndTheNextOneWaits(t *testing.T) {
	turns := NewTurns(2)
	first, err := turns.Take(t.Context())
	require.NoError(t, err)
	second, err := turns.Take(t.Context())
	require.NoError(t, err)
	_, err = turns.Take(over())
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	got := make(chan func())
	go func() {
		end, err := turns.Take(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- end
	}()
	first()
	first() // counts once
	third := <-got
	_, err = turns.Take(over())
	require.Error(t, err)
	second()
	third()
	require.True(t, turns.Free())
	require.GreaterOrEqual(t, cap(Costly().taken), 1)
}

func TestTheSameBytesTakeRoomOnce(t *testing.T) {
	b := NewBytes(100, 10)
	shared := make([]byte, 60)
	var releases []func()
	for range 50 {
		release, err := b.Hold(over(), shared)
		require.NoError(t, err)
		releases = append(releases, release)
	}
	other, err := b.Hold(over(), make([]byte, 40))
	require.NoError(t, err)
	_, err = b.Hold(over(), make([]byte, 1))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	for i, release := range releases {
		release()
		release() // counts once
		_, err := b.Hold(over(), make([]byte, 60))
		if i < len(releases)-1 {
			require.Error(t, err, "somebody is still sent them")
		} else {
			require.NoError(t, err)
		}
	}
	other()
	require.Len(t, b.held, 1)
}

func TestRoomIsTakenByWhatIsAllocated(t *testing.T) {
	b := NewBytes(100, 10)
	_, err := b.Hold(over(), make([]byte, 1, 90))
	require.NoError(t, err)
	_, err = b.Hold(over(), make([]byte, 11))
	require.Error(t, err)
}

func TestWhatIsLargerThanTheBudgetTakesAllOfItAndIsSent(t *testing.T) {
	b := NewBytes(100, 10)
	release, err := b.Hold(over(), make([]byte, 1000))
	require.NoError(t, err)
	_, err = b.Hold(over(), make([]byte, 1))
	require.Error(t, err)
	release()
	release, err = b.Hold(over(), make([]byte, 1000))
	require.NoError(t, err)
	release()
}

func TestWhoFindsNoRoomWaitsAndWhatWaitsIsBounded(t *testing.T) {
	b := NewBytes(100, 50)
	release, err := b.Hold(over(), make([]byte, 100))
	require.NoError(t, err)
	waits := make(chan error)
	for range 2 {
		go func() {
			release, err := b.Hold(t.Context(), make([]byte, 25))
			if err == nil {
				release()
			}
			waits <- err
		}()
	}
	require.Eventually(t, func() bool {
		if !b.waiting.TryAcquire(1) {
			return true
		}
		b.waiting.Release(1)
		return false
	}, 10*time.Second, time.Millisecond, "two wait")
	_, err = b.Hold(t.Context(), make([]byte, 1))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "a third one does not even wait")
	release()
	require.NoError(t, <-waits)
	require.NoError(t, <-waits)

	release, err = b.Hold(over(), make([]byte, 100))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := b.Hold(ctx, make([]byte, 1))
		waits <- err
	}()
	cancel()
	require.Equal(t, fault.Unavailable, fault.CodeOf(<-waits))
	release()
	require.True(t, b.sending.TryAcquire(100), "all room is back")
	require.True(t, b.waiting.TryAcquire(50))
	require.Empty(t, b.held)
}

func TestManyAtOnceLeaveNothingBehind(t *testing.T) {
	b := NewBytes(1000, 1000)
	shared := [][]byte{make([]byte, 300), make([]byte, 400)}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			body := make([]byte, 100)
			if i%2 == 0 {
				body = shared[i/2%2]
			}
			for range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if release, err := b.Hold(ctx, body); err == nil {
					release()
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.True(t, b.sending.TryAcquire(1000))
	require.True(t, b.waiting.TryAcquire(1000))
	require.Empty(t, b.held)
}

func TestWhoWantsAShortTurnWaitsBehindOneLongOneAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		end, err := turns.Take(t.Context())
		require.NoError(t, err)
		var order []string
		var all sync.WaitGroup
		wait := func(name string, take func(context.Context) (func(), error)) {
			all.Go(func() {
				end, err := take(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, name)
				end()
			})
			synctest.Wait()
		}
		for range 5 {
			wait("long", turns.TakeLong)
		}
		wait("short", turns.Take)
		_, err = turns.TakeLong(over())
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		end()
		all.Wait()
		require.Equal(t, []string{"long", "short", "long", "long", "long", "long"}, order)
		require.True(t, turns.Free())
	})
}

func TestWhatAnAnswerIsMadeOfTakesRoomOfItsOwn(t *testing.T) {
	b := NewBytes(100, 10)
	first, err := b.Room(over(), 60)
	require.NoError(t, err)
	_, err = b.Room(over(), 60)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "nothing is shared")
	first()
	first() // counts once
	all, err := b.Room(over(), 1000)
	require.NoError(t, err, "what is larger takes all of it")
	_, err = b.Hold(over(), make([]byte, 1))
	require.Error(t, err)
	all()
	require.True(t, b.sending.TryAcquire(100))
}

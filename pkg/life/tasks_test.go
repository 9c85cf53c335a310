package life_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestTasksLive(t *testing.T) {
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		tasks := life.NewTasks()
		return lifetest.Made{Service: tasks, Work: func() {
			tasks.Go(untilTheEnd)
			tasks.Go(func(context.Context) {})
			tasks.Go(func(context.Context) { time.Sleep(10 * time.Millisecond) })
		}}
	})
}

func TestTasksThatBeginWhileTheyAreStoppedAreWaitedFor(t *testing.T) {
	tasks := life.NewTasks()
	var beginning sync.WaitGroup
	var ended atomic.Int64
	first := make(chan struct{}, 1)
	task := func(context.Context) {
		ended.Add(1)
		select {
		case first <- struct{}{}:
		default:
		}
	}
	for range 4 {
		beginning.Go(func() {
			for tasks.Go(task) {
			}
		})
	}
	<-first
	require.NoError(t, tasks.Stop(t.Context()))
	begun := ended.Load()
	beginning.Wait()
	require.Equal(t, begun, ended.Load(), "nothing begins after the stop")
	require.False(t, tasks.Go(untilTheEnd))
}

func TestTasksAreWaitedForWithoutAStop(t *testing.T) {
	tasks := life.NewTasks()
	let := make(chan struct{})
	require.True(t, tasks.Go(func(context.Context) { <-let }))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, tasks.Wait(over), context.Canceled)
	close(let)
	require.NoError(t, tasks.Wait(t.Context()))
	require.NoError(t, tasks.Context().Err(), "they go on")
	require.NoError(t, tasks.Stop(t.Context()))
}

func TestAGroupIsWaitedForAsLongAsThereIsTime(t *testing.T) {
	var group sync.WaitGroup
	let := make(chan struct{})
	group.Go(func() { <-let })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, life.Wait(over, &group), context.Canceled)
	close(let)
	require.NoError(t, life.Wait(t.Context(), &group))
}

func TestAPartOfTheTimeIsLeftForWhatStopsAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		slow := life.Loop(func(context.Context) { <-let })
		var told error
		g := life.InOrder(
			life.Within(0.5, life.Loop(untilTheEnd), func(error) { t.Error("it is quick") }),
			life.Within(0.75, slow, func(err error) { told = err }),
		)
		require.NoError(t, g.Start())
		stopping, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		begun := time.Now()
		require.NoError(t, g.Stop(stopping))
		require.Equal(t, 6*time.Second, time.Since(begun))
		require.ErrorIs(t, told, context.DeadlineExceeded)
		close(let)
		lifetest.Stop(t, slow)
	})
}

func TestWithinLives(t *testing.T) {
	runs(t, func() life.Service {
		return life.Within(0.5, life.Loop(untilTheEnd), func(err error) {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	})
}

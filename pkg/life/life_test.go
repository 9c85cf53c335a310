package life_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func runs(t *testing.T, fresh func() life.Service) {
	t.Helper()
	lifetest.Run(t, func(*testing.T) lifetest.Made { return lifetest.Made{Service: fresh()} })
}

func untilTheEnd(ctx context.Context) { <-ctx.Done() }

func TestLoopLives(t *testing.T) {
	runs(t, func() life.Service { return life.Loop(untilTheEnd) })
}

func TestALoopThatEndsByItselfLives(t *testing.T) {
	runs(t, func() life.Service { return life.Loop(func(context.Context) {}) })
}

func TestALoopThatTakesItsTimeLives(t *testing.T) {
	runs(t, func() life.Service {
		return life.Loop(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond)
		})
	})
}

func TestInOrderLives(t *testing.T) {
	runs(t, func() life.Service {
		return life.InOrder(life.Loop(untilTheEnd), life.InOrder(), life.Loop(untilTheEnd))
	})
}

func TestALoopThatDoesNotStopInTimeSaysSo(t *testing.T) {
	let := make(chan struct{})
	l := life.Loop(func(context.Context) { <-let })
	require.NoError(t, l.Start())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Stop(over), context.Canceled)
	close(let)
	require.NoError(t, l.Stop(t.Context()))
}

// step is a service that writes down what is asked of it.
type step struct {
	name     string
	said     *[]string
	start    error
	stopping error
}

func (s step) Start() error {
	*s.said = append(*s.said, "start "+s.name)
	return s.start
}

func (s step) Stop(context.Context) error {
	*s.said = append(*s.said, "stop "+s.name)
	return s.stopping
}

func TestServicesStopInReverse(t *testing.T) {
	var said []string
	g := life.InOrder(step{name: "store", said: &said}, step{name: "log", said: &said})
	require.NoError(t, g.Start())
	require.NoError(t, g.Stop(t.Context()))
	require.Equal(t, []string{"start store", "start log", "stop log", "stop store"}, said)
}

func TestAServiceThatCannotStartStopsThoseBefore(t *testing.T) {
	var said []string
	taken := errors.New("the port is taken")
	store, log := step{name: "store", said: &said}, step{name: "log", said: &said}
	g := life.InOrder(store, step{name: "door", said: &said, start: taken}, log)
	require.ErrorIs(t, g.Start(), taken)
	require.Equal(t, []string{"start store", "start door", "stop store"}, said)
}

func TestAServiceThatStillRunsKeepsWhatItStandsOn(t *testing.T) {
	var said []string
	worker := step{name: "worker", said: &said, stopping: context.DeadlineExceeded}
	g := life.InOrder(step{name: "store", said: &said}, worker)
	require.NoError(t, g.Start())
	require.ErrorIs(t, g.Stop(t.Context()), context.DeadlineExceeded)
	require.Equal(t, []string{"start store", "start worker", "stop worker"}, said)
}

func TestASecondStopObeysItsContextWhileTheFirstGoesOn(t *testing.T) {
	let, stopping := make(chan struct{}), make(chan struct{})
	var under atomic.Bool // the service below runs
	under.Store(true)
	below := life.Loop(func(ctx context.Context) {
		<-ctx.Done()
		under.Store(false)
	})
	slow := life.Loop(func(ctx context.Context) {
		<-ctx.Done()
		close(stopping)
		<-let
	})
	g := life.InOrder(below, slow)
	require.NoError(t, g.Start())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- g.Stop(t.Context()) }()
	<-stopping
	over, cancel := context.WithCancel(t.Context())
	cancel()
	go func() { second <- g.Stop(over) }()
	select {
	case err := <-second:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(10 * time.Second):
		t.Error("the second Stop waits for the first one")
	}
	require.True(t, under.Load(), "what the slow service stands on stays")
	close(let)
	require.NoError(t, <-first)
	require.False(t, under.Load())
}

// wrong is a service with a mistake.
type wrong struct {
	life.Service
	start func() error
	stop  func(context.Context) error
}

func (w wrong) Start() error {
	if w.start != nil {
		return w.start()
	}
	return w.Service.Start()
}

func (w wrong) Stop(ctx context.Context) error {
	if w.stop != nil {
		return w.stop(ctx)
	}
	return w.Service.Stop(ctx)
}

// TestTheSuiteFindsMistakes that services have had.
func TestTheSuiteFindsMistakes(t *testing.T) {
	lifetest.Finds(t, "stopped at once", func() life.Service { // it leaves a goroutine behind
		s := life.Loop(untilTheEnd)
		t.Cleanup(func() { _ = s.Stop(context.Background()) })
		return wrong{Service: s, stop: func(context.Context) error { return nil }}
	})
	lifetest.Finds(t, "stopped at work, and again", func() life.Service { // its second Stop fails
		s, stops := life.Loop(untilTheEnd), 0
		return wrong{Service: s, stop: func(ctx context.Context) error {
			if stops++; stops > 1 {
				return errors.New("closed twice")
			}
			return s.Stop(ctx)
		}}
	})
	lifetest.Finds(t, "stopped before the start", func() life.Service { // it starts all the same
		return wrong{Service: life.Loop(untilTheEnd), start: func() error { return nil }}
	})
	lifetest.Finds(t, "started twice", func() life.Service {
		return wrong{Service: life.Loop(untilTheEnd), start: func() error { return nil }}
	})
	// It begins after Stop has returned.
	lifetest.Finds(t, "stopped while it starts", func() life.Service {
		s, started := life.Loop(untilTheEnd), atomic.Bool{}
		t.Cleanup(func() { _ = s.Stop(context.Background()) })
		return wrong{
			start: func() error {
				time.Sleep(time.Millisecond)
				started.Store(true)
				return s.Start()
			},
			stop: func(ctx context.Context) error {
				if !started.Load() {
					return nil
				}
				return s.Stop(ctx)
			},
		}
	})
}

package backend_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func untilTheEnd(ctx context.Context) { <-ctx.Done() }

// started begins a service that runs on adapters.
func started(context.Context) (life.Service, error) {
	above := life.Loop(untilTheEnd)
	return above, above.Start()
}

// gone is a backend whose servers nobody is.
func gone(t *testing.T) *backend.Backend {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	settings := map[string]string{
		"PLENARY_DATABASE_URL": "postgres://" + ln.Addr().String() + "/plenary?sslmode=disable",
	}
	cfg, err := config.Load(func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	})
	require.NoError(t, err)
	return backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
}

func TestWhatRunsOnAdaptersLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		there := make(chan struct{})
		s := embedded(t).Under(func(ctx context.Context) (life.Service, error) {
			defer close(there)
			return started(ctx)
		})
		return lifetest.Made{Service: s, Work: func() { <-there }}
	})
}

func TestWhatWaitsForAdaptersLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		return lifetest.Made{Service: gone(t).Under(started)}
	})
}

func TestWhatCannotBeginEndsTheProcess(t *testing.T) {
	wrong := errors.New("wrong")
	b := embedded(t)
	below := life.Loop(untilTheEnd)
	process := life.InOrder(below, b.Under(func(context.Context) (life.Service, error) {
		return nil, wrong
	}))
	require.ErrorIs(t, b.Run(t.Context(), process, nil), wrong)
	require.ErrorIs(t, below.Start(), life.ErrStopped)
	require.Error(t, b.Engine.Ping(t.Context()), "it is closed")
}

func TestAProcessThatIsAskedToStopWhileItWaitsHasNotFailed(t *testing.T) {
	b := gone(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, b.Run(ctx, b.Under(started), nil))
}

func TestAProcessThatFailsByItselfSaysSo(t *testing.T) {
	wrong, failed := errors.New("wrong"), make(chan error, 1)
	failed <- wrong
	b := embedded(t)
	require.ErrorIs(t, b.Run(t.Context(), b.Under(started), failed), wrong)
}

func TestAProcessThatDoesNotStopInTimeKeepsItsAdaptersOpen(t *testing.T) {
	settings := map[string]string{
		"PLENARY_DATABASE_URL": "sqlite:" + t.TempDir() + "/plenary.db",
		"PLENARY_STOP_TIMEOUT": "1s",
	}
	cfg, err := config.Load(func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	})
	require.NoError(t, err)
	b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
	let, there := make(chan struct{}), make(chan struct{})
	slow := life.Loop(func(context.Context) { close(there); <-let })
	process := b.Under(func(context.Context) (life.Service, error) { return slow, slow.Start() })
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-there; stop() }()
	require.EqualError(t, b.Run(ctx, process, nil), "not stopped within 1s")
	require.NoError(t, b.Engine.Ping(t.Context()), "a transaction may be under way")
	close(let)
	lifetest.Stop(t, process)
	require.Error(t, b.Engine.Ping(t.Context()))
}

package backend_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func limiting(t *testing.T, redis string) *backend.Backend {
	t.Helper()
	settings := map[string]string{
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_REDIS_URL":    redis,
	}
	cfg, err := config.Load(func(name string) (string, bool) {
		v,
			ok := settings[name]
		return v, ok
	})
	require.NoError(t, err)
	return backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
}

func TestAProcessThatCountsForItselfAtAllTimesIsNotDegraded(t *testing.T) {
	b := limiting(t, "")
	limits, err := b.Limits()
	require.NoError(t, err)
	lifetest.Start(t, limits)
	a, err := limits.Take(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 100, a.Limit, "the standard setting")
	require.Empty(t, b.Degraded())
	require.Equal(t, []backend.Part{
		{Name: "database", Kind: "sqlite"}, {Name: "queue", Kind: "memory"},
		{Name: "limits", Kind: "memory", Answers: true},
	}, b.Parts(t.Context()), "what is not open does not answer")
	require.NoError(t, b.Open(t.Context()))
	for _, p := range b.Parts(t.Context()) {
		require.True(t, p.Answers, p.Name)
	}
	require.NoError(t, b.Close())
}

func TestAProcessWhoseRedisIsAwayCountsForItselfAndTellsOperators(t *testing.T) {
	b := limiting(t, "redis://:secret@127.0.0.1:1")
	limits, err := b.Limits()
	require.NoError(t, err)
	lifetest.Start(t, limits)
	require.Eventually(t, func() bool { return len(b.Degraded()) > 0 }, time.Minute,
		time.Millisecond)
	a, err := limits.Take(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, a.OK())
	require.Equal(t, []string{"limits"}, b.Degraded())
	require.Contains(t, b.Parts(t.Context()), backend.Part{Name: "limits", Kind: "redis"})
	o := b.Operators("PLENARY_METRICS_ADDR", "127.0.0.1:0", func() error { return nil })
	require.NoError(t, o.Start())
	require.NoError(t, b.Open(t.Context()))
	code, body := asked(t, o, "/readyz")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{"status":"ready","degraded":["limits"]}`, body)
	_, body = asked(t, o, "/metrics")
	require.Contains(t, body, "\nplenary_limits_alone 1\n")
	require.NoError(t, o.Stop(t.Context()))
	require.NoError(t, b.Close())
}

func TestAURLThatRedisDoesNotKnowIsNamedAtTheStartAndNotShown(t *testing.T) {
	_, err := limiting(t, "redis://:secret@h/notanumber").Limits()
	require.ErrorContains(t, err, "PLENARY_REDIS_URL")
	require.NotContains(t, err.Error(), "secret")
}

func TestLimitsLive(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		b := limiting(t, "redis://127.0.0.1:1")
		limits, err := b.Limits()
		require.NoError(t, err)
		return lifetest.Made{Service: limits, Work: func() {
			require.Eventually(t, func() bool { return len(b.Degraded()) > 0 },
				time.Minute, time.Millisecond)
		}}
	})
}

func TestLimitsOfOneReplicaLive(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		limits, err := limiting(t, "").Limits()
		require.NoError(t, err)
		return lifetest.Made{Service: limits}
	})
}

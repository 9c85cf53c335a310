package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t *testing.T, env map[string]string) config.Config {
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	require.NoError(t, err)
	return cfg
}

var quiet = slog.New(slog.DiscardHandler)

func TestAWorkerSaysWhichURLsItNeeds(t *testing.T) {
	const db, queue = "PLENARY_DATABASE_URL", "PLENARY_AMQP_URL"
	err := run(t.Context(), load(t, nil), quiet)
	require.ErrorContains(t, err, db)
	require.ErrorContains(t, err, queue)
	err = run(t.Context(), load(t, map[string]string{db: "postgres://localhost/plenary"}), quiet)
	require.ErrorContains(t, err, queue)
	require.NotContains(t, err.Error(), db)
	err = run(t.Context(), load(t, map[string]string{queue: "amqp://localhost"}), quiet)
	require.ErrorContains(t, err, db)
}

func TestAWorkerThatWaitsIsAliveAndNotReadyAndStopsWhenAsked(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0") // an address where nobody listens
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	cfg := load(t, map[string]string{
		"PLENARY_DATABASE_URL": "postgres://" + closed.Addr().String() + "/plenary?sslmode=disable",
		"PLENARY_AMQP_URL":     "amqp://" + closed.Addr().String(),
	})
	adapters := backend.New(cfg, telemetry.NewMetrics(), quiet)
	operators := adapters.Operators("PLENARY_WORKER_ADDR", "127.0.0.1:0",
		func() error { return reads(nil) })
	require.NoError(t, operators.Start())
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for path, want := range map[string]struct {
		code int
		says string
	}{
		"/healthz": {200, `"ok"`},
		"/readyz":  {503, `"away":["database","queue"]`},
		"/metrics": {200, "go_goroutines"},
		"/other":   {404, ""},
	} {
		res, err := client.Get("http://" + operators.String() + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want.code, res.StatusCode, path)
		require.Contains(t, string(body), want.says)
	}
	require.NoError(t, operators.Stop(t.Context()))
}

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// embedded is a backend that is not opened yet.
func embedded(t *testing.T) *backend.Backend {
	settings := map[string]string{"PLENARY_DATABASE_URL": "sqlite:" +
		filepath.Join(t.TempDir(), "plenary.db")}
	cfg, err := config.Load(func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	})
	require.NoError(t, err)
	return backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
}

func asked(t *testing.T, o *backend.Operators, path string) (int, string) {
	client := http.Client{Timeout: 30 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + o.String() + path)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestOperatorsAreToldWhatIsAwayAndElseWhatIsMissing(t *testing.T) {
	b := embedded(t)
	missing := errors.New("not this")
	o := b.Operators("PLENARY_WORKER_ADDR", "127.0.0.1:0", func() error { return missing })
	require.NoError(t, o.Start())
	defer func() { require.NoError(t, o.Stop(context.Background())) }()
	code, body := asked(t, o, "/readyz")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"status":"away","away":["database","queue"]}`, body)

	require.NoError(t, b.Open(t.Context()))
	defer func() { require.NoError(t, b.Close()) }()
	code, body = asked(t, o, "/readyz")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"status":"not this"}`, body)
	missing = nil
	code, body = asked(t, o, "/readyz")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{"status":"ready"}`, body)
	code, body = asked(t, o, "/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, "go_goroutines")
	for _, path := range []string{"/", "/metrics/", "/METRICS", "/debug/pprof/"} {
		code, _ = asked(t, o, path)
		require.Equal(t, 404, code, path)
	}
}

// TestOperatorsAreAnsweredThoughSomebodyHoldsAllTheirConnections: who says nothing, or half a
// request, is cut off.
func TestOperatorsAreAnsweredThoughSomebodyHoldsAllTheirConnections(t *testing.T) {
	o := embedded(t).Operators("PLENARY_WORKER_ADDR", "127.0.0.1:0", func() error { return nil })
	require.NoError(t, o.Start())
	defer func() { require.NoError(t, o.Stop(context.Background())) }()
	for i := range 100 {
		conn, err := net.Dial("tcp", o.String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nX: "[:i%2*20])
		require.NoError(t, err)
	}
	code, _ := asked(t, o, "/healthz")
	require.Equal(t, 200, code)
}

func TestNoOperatorsHaveNothingToStop(t *testing.T) {
	require.NoError(t, (*backend.Operators)(nil).Stop(t.Context()))
}

func TestOperatorsLive(t *testing.T) {
	b := embedded(t)
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		o := b.Operators("PLENARY_WORKER_ADDR", "127.0.0.1:0", func() error { return nil })
		return lifetest.Made{Service: o, Work: func() { // somebody has asked half of a question
			conn, err := net.Dial("tcp", o.String())
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			_, err = fmt.Fprint(conn, "GET /metrics HT")
			require.NoError(t, err)
		}}
	})
}

func TestOperatorsWhoseAddressIsTakenDoNotStart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	o := embedded(t).Operators("PLENARY_WORKER_ADDR", ln.Addr().String(),
		func() error { return nil })
	require.ErrorContains(t, o.Start(), "address already in use")
	require.NoError(t, o.Stop(t.Context()))
}

package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/config"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process, and its pool notices its end with a delay.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

func settings(t *testing.T, env map[string]string) config.Config {
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	require.NoError(t, err)
	return cfg
}

var quiet = slog.New(slog.DiscardHandler)

func TestTheWholeProductStartsGreetsServesAndStopsWithoutALeak(t *testing.T) {
	cfg := settings(t, map[string]string{
		"PLENARY_ADDR":         "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "a file with spaces & 100%.db"),
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, cfg, quiet, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+/api/v1`).FindString(line)
	require.NotEmpty(t, base, line)

	client := http.Client{}
	res, err := client.Post(base+"/presentations", "application/json",
		strings.NewReader(`{"polls":[{"question":"Q","options":[{"key":"A","value":"a"}]}]}`))
	require.NoError(t, err)
	require.Equal(t, 201, res.StatusCode)
	require.NoError(t, res.Body.Close())
	client.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
}

func TestAnAddressThatIsTakenStopsTheStart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	err = run(t.Context(), settings(t, map[string]string{"PLENARY_ADDR": ln.Addr().String()}), quiet, io.Discard)
	require.ErrorContains(t, err, "PLENARY_ADDR")
}

func TestAFileThatIsNoDatabaseStopsTheStart(t *testing.T) {
	cfg := settings(t, map[string]string{"PLENARY_ADDR": "127.0.0.1:0", "PLENARY_DATABASE_URL": "sqlite:" + t.TempDir()})
	err := run(t.Context(), cfg, quiet, io.Discard)
	require.ErrorContains(t, err, "database")
	require.NotContains(t, err.Error(), "\n")
}

func TestAnotherNumberOfPartitionsStopsTheStartAndSaysHow(t *testing.T) {
	path := "sqlite:" + filepath.Join(t.TempDir(), "plenary.db")
	start := func(partitions string) error {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cfg := settings(t, map[string]string{"PLENARY_ADDR": "127.0.0.1:0", "PLENARY_DATABASE_URL": path, "PLENARY_PARTITIONS": partitions})
		return run(ctx, cfg, quiet, stopper(stop))
	}
	require.NoError(t, start("4"))
	err := start("8")
	require.ErrorContains(t, err, "PLENARY_PARTITIONS")
	require.ErrorContains(t, err, "4")
	require.ErrorContains(t, err, "8")
	require.NotContains(t, err.Error(), "\n")
	require.NoError(t, start("4"))
}

// stopper stops a process as soon as it greets.
type stopper func()

func (s stopper) Write(p []byte) (int, error) {
	s()
	return len(p), nil
}

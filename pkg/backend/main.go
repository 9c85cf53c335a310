package backend

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// healthTimeout bounds a health check.
const healthTimeout = 3 * time.Second

// Main is the main of a process: it reads the settings, stops on SIGINT and SIGTERM (a second one ends the process at
// once), and runs. The argument "healthcheck" asks the process that listens on addr whether it is ready instead. It
// gives the exit code: 0, 1 after an error, 2 when the settings or arguments are wrong.
func Main(name string, addr func(config.Config) string, run func(context.Context, config.Config, *slog.Logger) error) int {
	cfg, err := config.Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "healthcheck":
		return healthcheck(addr(cfg))
	case len(args) > 0:
		fmt.Fprintf(os.Stderr, "%s takes no arguments but \"healthcheck\"; its settings are environment variables, see docs/config.md\n", name)
		return 2
	}
	logger := telemetry.NewLogger(os.Stderr, cfg.LogLevel, name)
	for _, unknown := range config.Unknown(os.Environ()) {
		logger.Warn("no such setting", "variable", unknown)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal has its usual effect
	if err := run(ctx, cfg, logger); err != nil {
		logger.Error("stopped", "error", err)
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

func healthcheck(addr string) int {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	client := http.Client{Timeout: healthTimeout}
	answer, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, answer.Status)
		return 1
	}
	return 0
}

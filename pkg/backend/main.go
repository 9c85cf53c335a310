package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// healthTimeout bounds a health check.
const healthTimeout = 3 * time.Second

// Command is something else that a process can be asked to do, with its first argument.
type Command struct {
	Name  string
	Usage [][2]string // the further arguments that it takes, and what it does then
	// Run does it. args are those after the command's name. An error that is ErrUsage says that
	// they are wrong.
	Run func(ctx context.Context, cfg config.Config, args []string, logger *slog.Logger) error
}

// ErrUsage says that the arguments of a command are wrong.
var ErrUsage = errors.New("wrong arguments")

// Main runs a process: it reads the settings, stops on SIGINT and SIGTERM, and runs. A second
// signal ends the process at once. The argument "healthcheck" asks the process that listens on
// addr whether it is ready instead. The name of a command runs that command. Main gives the exit
// code: 0, 1 after an error, 2 when the settings or arguments are wrong.
func Main(name string, addr func(config.Config) string,
	run func(context.Context, config.Config, *slog.Logger) error, commands ...Command) int {
	args := os.Args[1:]
	var command *Command
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "healthcheck":
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		fmt.Print(usage(name, commands))
		return 0
	default:
		i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == args[0] })
		if i < 0 {
			fmt.Fprintf(os.Stderr, "%s does not take %q\n\n%s", name, args, usage(name, commands))
			return 2
		}
		command = &commands[i]
	}
	cfg, err := config.Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if len(args) > 0 && command == nil {
		return healthcheck(addr(cfg))
	}
	level := cfg.LogLevel
	if command != nil {
		level = max(level, slog.LevelWarn) // somebody at a terminal waits for the answer only
	}
	logger := telemetry.NewLogger(os.Stderr, level, name)
	for _, unknown := range config.Unknown(os.Environ()) {
		logger.Warn("no such setting", "variable", unknown)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal has its usual effect
	if command != nil {
		err = command.Run(ctx, cfg, args[1:], logger)
	} else if err = run(ctx, cfg, logger); err != nil {
		logger.Error("stopped", "error", err)
	}
	switch {
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(os.Stderr, "%s: %v\n\n%s", name, err, usage(name, commands))
		return 2
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// usage lists what a process can be asked to do.
func usage(name string, commands []Command) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	line := func(args, does string) {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", strings.TrimRight(name+" "+args, " "), does)
	}
	line("", "does its work until it is asked to stop")
	line("healthcheck", "asks the one that runs here whether it is ready")
	for _, c := range commands {
		for _, u := range c.Usage {
			line(c.Name+" "+u[0], u[1])
		}
	}
	_ = w.Flush() // a strings.Builder takes everything
	return "usage:\n" + b.String() + "Its settings are environment variables: see docs/config.md.\n"
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

//go:build linux

// Package bench measures Plenary against what limits it and against what people use, on real servers that it starts.
package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/load/internal/rivals"
	"github.com/plenary-live/plenary/test/stack"
)

// Options say what to measure and how long.
type Options struct {
	Rounds      int
	Seconds     int       // of each load
	Connections []int     // of the closed loop
	Contestants []string  // of the closed loop
	Rates       []float64 // of the open loop, a second, rising
	Clients     int       // of the stampede
	Processes   int       // that they, and the viewers, are spread over
	Viewers     int       // of the event streams, at most
	Transitions int       // that they see in each round
	Sizes       []int64   // votes in the table, rising
	Passes      bool      // voters of the closed loop have passes, where there is Plenary with PostgreSQL
	AccessLog   bool      // the API logs each request, as it does unless told; NGINX never
	Output      io.Writer
}

// Parts are what can be measured alone, in their order.
var Parts = []string{"throughput", "bulk", "degradation", "stampede", "viewers", "growth", "alternatives"}

// Bench holds the servers that run.
type Bench struct {
	Options
	root, dir string // of the repository; of our own binaries

	plenary, noop *stack.Stack
	admin         *sql.DB // the database of Plenary, as superuser

	others map[string]*stack.Stack // the contestants of the closed loop that have a stack of their own, by name; nil in other parts
	rival  *sql.DB                 // the rivals' database

	salt uint64
}

// Start makes what every part needs: binaries, Plenary's production shape, and the no-op in the same shape.
func Start(ctx context.Context, o Options) (b *Bench, err error) {
	b = &Bench{Options: o, salt: rand.Uint64() >> 17}
	if b.root, err = moduleRoot(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "plenary-bench-"); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Bench) start(ctx context.Context) (err error) {
	if err := os.Chmod(b.dir, 0o755); err != nil { // the servers' user is another one
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.dir+string(filepath.Separator), "./api", "./worker", "./api/internal/noop", "./test/load/cmd/bench")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	b.plenary, err = stack.Start(ctx, stack.Config{
		APIBinary: b.binary("api"), WorkerBinary: b.binary("worker"), Output: b.Output,
		APIEnv: logging(b.AccessLog), WorkerEnv: logging(false),
		PostgresConf: postgresConf(),
	})
	if err != nil {
		return err
	}
	b.noop, err = stack.Start(ctx, stack.Config{Parts: stack.API | stack.NGINX, APIBinary: b.binary("noop")})
	if err != nil {
		return err
	}
	if b.admin, err = sql.Open("postgres", withDatabase(b.plenary.DatabaseAdminURL, "plenary")); err != nil {
		return err
	}
	b.admin.SetMaxOpenConns(4)
	return b.admin.PingContext(ctx)
}

// postgresConf is for Plenary's server. Rivals keep their connections while others have their turn.
func postgresConf() []string { return append(statementsConf(), "max_connections = 400") }

// logging is the environment of an API or a worker: its log has requests, or nothing but what goes wrong.
func logging(access bool) []string {
	if access {
		return []string{"PLENARY_ACCESS_LOG=true", "PLENARY_LOG_LEVEL=info"}
	}
	return []string{"PLENARY_ACCESS_LOG=false", "PLENARY_LOG_LEVEL=warn"}
}

// startOthers starts the contestants of the closed loop that are wanted and do not run yet. Call closeOthers in any case.
func (b *Bench) startOthers(ctx context.Context) (err error) {
	b.others = map[string]*stack.Stack{}
	if _, err := b.admin.ExecContext(ctx, "CREATE DATABASE rivals"); err != nil {
		return err
	}
	url := withDatabase(b.plenary.DatabaseAdminURL, "rivals")
	if b.rival, err = sql.Open("postgres", url); err != nil {
		return err
	}
	b.rival.SetMaxOpenConns(2)
	if _, err := b.rival.ExecContext(ctx, rivals.Schema); err != nil {
		return err
	}
	shared := func(url string) []string {
		return []string{"PLENARY_DATABASE_URL=" + url, "PLENARY_AMQP_URL=" + b.plenary.AMQPURLs[0]}
	}
	rival := func(parts stack.Part, name string, connections int) stack.Config {
		env := func(name string) []string {
			return append(shared(url), rivals.Variable+"="+name, fmt.Sprint(rivals.Connections, "=", connections))
		}
		return stack.Config{Parts: parts, Workers: 1, APIBinary: b.binary("bench"), WorkerBinary: b.binary("bench"), APIEnv: env(name), WorkerEnv: env(rivals.Counter)}
	}
	const many, few = 40, 8
	for _, other := range []struct {
		name   string
		config stack.Config
	}{
		{report.PlenaryLog, stack.Config{Parts: stack.API, APIBinary: b.binary("api"), APIEnv: append(shared(b.plenary.DatabaseURL), logging(true)...)}},
		{report.Embedded, stack.Config{Parts: stack.API, APIBinary: b.binary("api"), APIEnv: logging(b.AccessLog)}},
		{report.Message, rival(stack.API|stack.Worker, rivals.Message, many)},
		{report.Insert, rival(stack.API, rivals.Insert, many)},
		{report.Transaction, rival(stack.API, rivals.Transaction, many)},
		{report.Statement, rival(stack.API, rivals.Statement, many)},
		{report.StatementFew, rival(stack.API, rivals.Statement, few)},
	} {
		if !slices.Contains(b.Contestants, other.name) {
			continue
		}
		other.config.APIs = 1
		if b.others[other.name], err = stack.Start(ctx, other.config); err != nil {
			return fmt.Errorf("%s: %w", other.name, err)
		}
	}
	return nil
}

// closeOthers ends what startOthers has started: what idles beside the other parts would still ask the database.
func (b *Bench) closeOthers() error {
	var errs []error
	for _, s := range b.others {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if b.rival != nil {
		errs = append(errs, b.rival.Close())
		_, err := b.admin.Exec("DROP DATABASE rivals")
		errs = append(errs, err)
	}
	b.others, b.rival = nil, nil
	return errors.Join(errs...)
}

// Close ends every process and removes every file that Start and the parts made.
func (b *Bench) Close() error {
	var errs []error
	if b.admin != nil {
		errs = append(errs, b.admin.Close())
	}
	for _, s := range []*stack.Stack{b.noop, b.plenary} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// Measure does one part and writes it into r.
func (b *Bench) Measure(ctx context.Context, part string, r *report.Results) (err error) {
	run := b.run(ctx)
	switch part {
	case "throughput":
		r.Throughput, err = b.throughput(ctx, run)
	case "bulk":
		r.Bulk, err = b.bulk(ctx, run)
	case "degradation":
		r.Degradation, err = b.degradation(ctx, run)
	case "stampede":
		r.Stampede, err = b.stampede(ctx, run)
	case "viewers":
		r.Viewers, err = b.viewers(ctx, run)
	case "growth":
		r.Growth, err = b.growth(ctx, run)
	case "alternatives":
		r.Alternatives, err = b.alternatives(ctx, run)
	default:
		return fmt.Errorf("there is no part %q: it is one of %s", part, strings.Join(Parts, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	run.LoadAverage[1] = loadAverage() // the part has a copy of run, with the same array
	return nil
}

func (b *Bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.Output, format+"\n", args...) }

func (b *Bench) binary(name string) string { return filepath.Join(b.dir, name) }

func (b *Bench) nextSalt() uint64 { b.salt++; return b.salt }

// quiet gives every load the same start: empty tables of votes, nothing left to write back.
func (b *Bench) quiet(ctx context.Context) error { return b.quietIn(ctx, b.admin) }

// quietIn is quiet where db is Plenary's database.
func (b *Bench) quietIn(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, "TRUNCATE votes, batches"); err != nil {
		return err
	}
	if b.rival != nil {
		if _, err := b.rival.ExecContext(ctx, "TRUNCATE votes, tallies"); err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, "CHECKPOINT")
	return err
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// withDatabase names another database of the same server.
func withDatabase(url, name string) string {
	before, query, _ := strings.Cut(url, "?")
	return before[:strings.LastIndexByte(before, '/')+1] + name + "?" + query
}

// wait calls f until it says true; f bounds its own time. It is for what nothing signals: another process's tables.
func wait(ctx context.Context, every time.Duration, f func() (bool, error)) error {
	for {
		if done, err := f(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

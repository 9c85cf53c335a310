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
	Contestants []string  // of the closed loop; nil: all
	Rates       []float64 // of the open loop, a second, rising
	Clients     int       // of the stampede
	Processes   int       // that they, and the viewers, are spread over
	Viewers     int       // of the event streams, at most
	Transitions int       // that they see in each round
	Sizes       []int64   // votes in the table, rising
	AccessLog   bool      // the API logs each request, as it does unless told; NGINX never
	Output      io.Writer
}

// Parts are what can be measured alone, in their order.
var Parts = []string{"throughput", "bulk", "degradation", "stampede", "viewers", "growth"}

// Bench holds the servers that run.
type Bench struct {
	Options
	root, dir string // of the repository; of our own binaries

	plenary, noop, embedded, insert, transaction, message *stack.Stack

	admin *sql.DB // the database of Plenary, as superuser
	rival *sql.DB
	salt  uint64
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
		APIEnv: []string{fmt.Sprint("PLENARY_ACCESS_LOG=", b.AccessLog), "PLENARY_LOG_LEVEL=warn"}, WorkerEnv: []string{"PLENARY_LOG_LEVEL=warn"},
		PostgresConf: statementsConf(),
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

// startRivals starts the other contestants of the closed loop.
func (b *Bench) startRivals(ctx context.Context) (err error) {
	if b.embedded != nil {
		return nil
	}
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
	b.embedded, err = stack.Start(ctx, stack.Config{Parts: stack.API, APIs: 1, APIBinary: b.binary("api"),
		APIEnv: []string{fmt.Sprint("PLENARY_ACCESS_LOG=", b.AccessLog), "PLENARY_LOG_LEVEL=warn"}})
	if err != nil {
		return err
	}
	rival := func(parts stack.Part, name string) (*stack.Stack, error) {
		env := func(name string) []string {
			return []string{rivals.Variable + "=" + name, "PLENARY_DATABASE_URL=" + url, "PLENARY_AMQP_URL=" + b.plenary.AMQPURLs[0]}
		}
		return stack.Start(ctx, stack.Config{Parts: parts, APIs: 1, Workers: 1, APIBinary: b.binary("bench"), WorkerBinary: b.binary("bench"),
			APIEnv: env(name), WorkerEnv: env(rivals.Counter)})
	}
	if b.insert, err = rival(stack.API, rivals.Insert); err != nil {
		return err
	}
	if b.transaction, err = rival(stack.API, rivals.Transaction); err != nil {
		return err
	}
	b.message, err = rival(stack.API|stack.Worker, rivals.Message)
	return err
}

// Close ends every process and removes every file that Start and the parts made.
func (b *Bench) Close() error {
	var errs []error
	for _, db := range []*sql.DB{b.admin, b.rival} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	for _, s := range []*stack.Stack{b.message, b.transaction, b.insert, b.embedded, b.noop, b.plenary} {
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
func (b *Bench) quiet(ctx context.Context) error {
	if _, err := b.admin.ExecContext(ctx, "TRUNCATE votes, batches"); err != nil {
		return err
	}
	if b.rival != nil {
		if _, err := b.rival.ExecContext(ctx, "TRUNCATE votes, tallies"); err != nil {
			return err
		}
	}
	_, err := b.admin.ExecContext(ctx, "CHECKPOINT")
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

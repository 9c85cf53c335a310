//go:build linux

// Package bench measures Plenary against what limits it, against other designs and against an
// earlier Plenary, on real servers that it starts.
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
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// Options say what to measure and how long.
type Options struct {
	Rounds      int
	Seconds     int      // of each load
	Connections []int    // of the closed loop
	Contestants []string // of the closed loop
	Clients     int      // of the stampede
	Processes   int      // that they are spread over
	Viewers     int      // of the event streams, at most
	Transitions int      // that they see in each round
	FeedPolls   int      // of the full feed, at least 200; the small one has a hundredth
	FeedAnswers int      // of the full feed
	Before      string   // a folder with an earlier commit's api and worker; empty: there is none
	Partitions  int      // of the log, for the present commit; 0: its default
	Output      io.Writer
}

// Bench holds the servers that run.
type Bench struct {
	Options
	root, dir string   // of the repository; of our own binaries
	now       *plenary // the present one
	before    *plenary // an earlier one; nil: none is measured
	noop      *stack.Stack
	salt      uint64
}

// plenary is one Plenary in its whole shape.
type plenary struct {
	*stack.Stack
	name     string // as a contestant
	api      string // the binary
	database *sql.DB
}

// Start makes what every part needs: binaries, a whole Plenary and a whole no-op.
func Start(ctx context.Context, o Options) (b *Bench, err error) {
	b = &Bench{Options: o, salt: rand.Uint64() >> 17}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMOD: %w", err)
	}
	b.root = filepath.Dir(strings.TrimSpace(string(out)))
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
	if err := stack.Build(ctx, b.dir); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.dir+string(filepath.Separator),
		"./api/internal/noop", "./test/load/cmd/bench", "./test/load/cmd/usual")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	b.now, err = b.startPlenary(ctx, report.Plenary, "api", "worker", b.settings()...)
	if err != nil {
		return err
	}
	if b.Before != "" { // a copy: the servers' user may not enter the folder
		err := os.CopyFS(b.binary("earlier"), os.DirFS(b.Before))
		if err == nil {
			b.before, err = b.startPlenary(ctx, report.Before, "earlier/api", "earlier/worker")
		}
		if err != nil {
			return fmt.Errorf("-before: %w", err)
		}
	}
	noop := stack.Config{Parts: stack.API | stack.NGINX, APIBinary: b.binary("noop")}
	b.noop, err = stack.Start(ctx, noop)
	return err
}

// settings are those of the present commit.
func (b *Bench) settings() []string {
	if b.Partitions > 0 {
		return []string{anyNumber, "PLENARY_PARTITIONS=" + strconv.Itoa(b.Partitions)}
	}
	return []string{anyNumber}
}

func (b *Bench) startPlenary(
	ctx context.Context, name, api, worker string, env ...string,
) (*plenary, error) {
	env = append(env, quietLog...)
	s, err := stack.Start(ctx, stack.Config{Output: b.Output, APIEnv: env, WorkerEnv: env,
		APIBinary: b.binary(api), WorkerBinary: b.binary(worker)})
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("postgres", withDatabase(s.DatabaseAdminURL, "plenary"))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &plenary{s, name, b.binary(api), db}, nil
}

var quietLog = []string{"PLENARY_ACCESS_LOG=false", "PLENARY_LOG_LEVEL=warn"}

// plenaries gives those that are measured by turns.
func (b *Bench) plenaries() []*plenary {
	if b.before == nil {
		return []*plenary{b.now}
	}
	return []*plenary{b.now, b.before}
}

// Close ends every process and removes every file that Start made.
func (b *Bench) Close() error {
	var errs []error
	for _, p := range []*plenary{b.now, b.before} {
		if p != nil {
			errs = append(errs, p.end())
		}
	}
	if b.noop != nil {
		errs = append(errs, b.noop.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// Measure does one part, and keeps it in r.
func (b *Bench) Measure(ctx context.Context, part string, r report.Results) error {
	p := &report.Part{Run: b.describe()}
	parts := map[string]func(context.Context, *report.Part) error{
		"throughput": b.throughput, "bulk": b.bulk, "stampede": b.stampede, "viewers": b.viewers,
		"feed": b.feed}
	if err := parts[part](ctx, p); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	p.Load[1] = loadAverage()
	r[part] = p
	return nil
}

// turns has n take their turn in every round, each round beginning with another one.
func (b *Bench) turns(ctx context.Context, n int, do func(round, i int) error) error {
	for round := range b.Rounds {
		for i := range n {
			if err := errors.Join(ctx.Err(), do(round, (i+round)%n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add keeps what was measured, with seven digits, and says it.
func (b *Bench) add(p *report.Part, of string, at float64, round int, values map[string]float64) {
	for name, v := range values {
		values[name], _ = strconv.ParseFloat(fmt.Sprintf("%.7g", v), 64)
	}
	p.Loads = append(p.Loads, report.Load{Of: of, At: at, Round: round, Values: values})
	b.say("round %d  %-28s %10g  %v", round+1, of, at, values)
}

func (b *Bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Output, format+"\n", args...)
}

func (b *Bench) binary(name string) string { return filepath.Join(b.dir, name) }

func (b *Bench) nextSalt() uint64 { b.salt++; return b.salt }

func (b *Bench) duration() time.Duration { return time.Duration(b.Seconds) * time.Second }

// end ends the servers.
func (p *plenary) end() error { return errors.Join(p.database.Close(), p.Close()) }

// quiet gives every load the same start: empty tables of votes, nothing left to write back.
func (p *plenary) quiet(ctx context.Context) error {
	return p.empty(ctx, "TRUNCATE votes, batches")
}

// quietRatings is quiet for ratings. An earlier Plenary knows none.
func (p *plenary) quietRatings(ctx context.Context) error {
	return p.empty(ctx, "TRUNCATE votes, ratings, batches")
}

func (p *plenary) empty(ctx context.Context, truncate string) error {
	_, err := p.database.ExecContext(ctx, truncate)
	if err == nil {
		_, err = p.database.ExecContext(ctx, "CHECKPOINT")
	}
	return err
}

// drainTimeout bounds the wait for the counting. None is expected to need it.
const drainTimeout = 2 * time.Minute

// counted tells how many votes of rooms are counted, and how many rooms have none.
func (p *plenary) counted(ctx context.Context, rooms []room) (n int64, empty int, err error) {
	polls := make([]string, len(rooms))
	for i, r := range rooms {
		polls[i] = r.Poll
	}
	err = p.database.QueryRowContext(ctx, `
		SELECT coalesce(sum(voters), 0), count(*) FILTER (WHERE voters = 0)
		FROM poll_states WHERE poll_id = ANY($1::uuid[])`, pq.Array(polls)).Scan(&n, &empty)
	return n, empty, err
}

// countedRatings is counted for ratings, of talks.
func (p *plenary) countedRatings(ctx context.Context, rooms []room) (n int64, _ int, err error) {
	talks := make([]string, len(rooms))
	for i, r := range rooms {
		talks[i] = r.Talk
	}
	err = p.database.QueryRowContext(ctx, `
		SELECT coalesce(sum(ones + twos + threes + fours + fives), 0)
		FROM talks WHERE id = ANY($1::uuid[])`, pq.Array(talks)).Scan(&n)
	return n, 0, err
}

// withDatabase names another database of the same server.
func withDatabase(url, name string) string {
	before, query, _ := strings.Cut(url, "?")
	return before[:strings.LastIndexByte(before, '/')+1] + name + "?" + query
}

// wait calls f until it says true, or ctx ends: nothing signals another process's tables.
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

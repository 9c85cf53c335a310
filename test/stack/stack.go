// Package stack runs the production shape of Plenary as plain processes on this machine:
//   - PostgreSQL
//   - RabbitMQ (one node or three)
//   - API replicas
//   - workers
//   - NGINX with the repository's own configuration
//
// The servers are real and private. They listen on free ports of 127.0.0.1 only. They keep
// everything in a folder of their own, run under an unprivileged user, and have nothing to do with
// the system's services. They are started and stopped by readiness, never by waiting a fixed time.
// Close leaves neither a process nor a temporary folder behind. If the program dies without Close,
// a guard does that.
//
// A test that needs only a database or a broker asks for [PostgresURL] or [RabbitMQURL].
package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Part names what a stack consists of.
type Part uint

// The parts of a stack. API and Worker need PostgreSQL and RabbitMQ; NGINX needs API. With
// PgBouncer, which needs PostgreSQL, they reach the database through it. With Redis the APIs limit
// together, if they limit at all: a test says so.
const (
	PostgreSQL Part = 1 << iota
	RabbitMQ
	API
	Worker
	NGINX
	PgBouncer
	Redis

	// Servers is what the adapters' tests need.
	Servers = PostgreSQL | RabbitMQ | Redis
	// Everything is the production shape.
	Everything = Servers | API | Worker | NGINX
)

// Config says what to start. The zero value is the production shape, in a temporary folder and on
// free ports. It has a PostgreSQL, a RabbitMQ node, a Redis, three APIs, two workers and NGINX.
type Config struct {
	Parts   Part // zero: Everything
	APIs    int  // zero: 3
	Workers int  // zero: 2
	Rabbits int  // 1 (also zero) or 3, joined to a cluster
	// AMQPURL is of a virtual host of a broker that runs already, as RabbitMQURL gives one. The
	// stack then starts none, which saves a slow start.
	AMQPURL string

	// keeps data and logs after Close; empty: a temporary folder that Close removes
	Dir       string
	NGINXPort int // zero: a free port

	// Binaries of the API and the worker; empty: those of this module, as Build gives them.
	APIBinary, WorkerBinary string
	// Race builds the binaries with the race detector; Close then fails when one of them reported a
	// race. PLENARY_STACK_RACE=1 sets it too.
	Race bool
	// APIEnv and WorkerEnv are "KEY=value" settings on top of the addresses and URLs, which they
	// may replace.
	APIEnv, WorkerEnv []string

	// Each, if not nil, may change how one API or worker runs, before its first start. The servers
	// run already, so a proxy can be put between.
	Each func(*App)
	// Upstream, if not nil, gives the address under which NGINX finds the API at an address.
	Upstream func(address string) string

	PostgresConf []string // further lines of postgresql.conf
	RabbitConf   []string // further lines of rabbitmq.conf
	// RabbitMQ's management plugin, for its HTTP API; its user is then an administrator
	Management bool
	// OpenFiles is how many descriptors one NGINX worker may hold. Zero: what this process's hard
	// limit allows.
	OpenFiles int
	// Trusted are the networks of what ends TLS before NGINX (NGINX_TRUSTED); empty: nothing does.
	Trusted string
	// AddressConnections is what one address may have under way at NGINX; zero: any number.
	AddressConnections int

	Output io.Writer // progress, a line per server; nil: none
}

// App is how one API or worker is run.
type App struct {
	Kind   string // "api" or "worker"
	Index  int
	Binary string
	Env    []string // "KEY=value", the last of several counts
}

// Stack is a running production shape.
type Stack struct {
	Dir string // where the servers live: a folder each for data, log/ for the logs
	URL string // where a client goes: NGINX's address, or the first API's when there is no NGINX

	DatabaseURL      string   // of the database that the API and the workers share
	PoolerURL        string   // of the same database through PgBouncer; empty: there is none
	DatabaseAdminURL string   // of the database "postgres", as superuser
	AMQPURLs         []string // one per RabbitMQ node
	RabbitAPIs       []string // the nodes' HTTP APIs, with Config.Management
	RedisURL         string   // empty: there is none

	Postgres  *Process
	PgBouncer *Process
	Rabbits   []*Process
	Redis     *Process
	APIs      []*Process
	Workers   []*Process
	NGINX     *Process

	cfg       Config
	as        *account
	guard     *guard
	epmd      *Process
	accessLog string // of NGINX; empty: none
	temporary bool
	cleanups  []func()
	closeOnce sync.Once
	closeErr  error
}

// Start builds what is not built, starts cfg's processes in the order they need each other, and
// returns when all are ready. On an error nothing is left running, and the error carries the end of
// the log of the process that failed.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf(
			"the stack of plain processes needs Linux, not %s: use docker compose", runtime.GOOS)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Stack{cfg: cfg}
	if cfg.AMQPURL != "" {
		s.AMQPURLs = []string{cfg.AMQPURL}
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (cfg Config) withDefaults() (Config, error) {
	orElse := func(n *int, standard int) {
		if *n == 0 {
			*n = standard
		}
	}
	if cfg.Parts == 0 {
		cfg.Parts = Everything
	}
	if cfg.AMQPURL != "" {
		cfg.Parts &^= RabbitMQ
	}
	orElse(&cfg.APIs, 3)
	orElse(&cfg.Workers, 2)
	orElse(&cfg.Rabbits, 1)
	if cfg.Rabbits != 1 && cfg.Rabbits != 3 {
		return cfg, fmt.Errorf(
			"a stack has 1 or 3 RabbitMQ nodes, not %d: quorum needs an odd number", cfg.Rabbits)
	}
	cfg.Race = cfg.Race || withRace()
	if cfg.Output == nil {
		cfg.Output = io.Discard
	}
	return cfg, nil
}

// prepare makes the folder. Everybody may enter it, so that the servers' user can. What is secret
// in it is in folders and files that only that user can read.
func (s *Stack) prepare() (err error) {
	if s.as, err = unprivileged(); err != nil {
		return err
	}
	if s.Dir = s.cfg.Dir; s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "plenary-stack-"); err != nil {
			return err
		}
		s.temporary = true
	}
	if s.Dir, err = filepath.Abs(s.Dir); err != nil {
		return err
	}
	for _, dir := range []string{s.Dir, s.path("log"), s.path("bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	if !s.as.reaches(s.Dir) {
		return fmt.Errorf(
			"the user %s, which the servers run as, cannot enter %s: choose another folder",
			s.as.name, s.Dir)
	}
	guarded := ""
	if s.temporary {
		guarded = s.Dir
	}
	s.guard, err = newGuard(guarded)
	return err
}

func (s *Stack) start(ctx context.Context) error {
	steps := []struct {
		part Part
		run  func(context.Context) error
	}{
		{API | Worker, s.build},
		{PostgreSQL, s.startPostgres},
		{PgBouncer, s.startPgBouncer},
		{RabbitMQ, s.startRabbits},
		{Redis, s.startRedis},
		{API, s.startAPIs},
		{Worker, s.startWorkers},
		{NGINX, s.startNGINX},
	}
	for _, step := range steps {
		if s.cfg.Parts&step.part == 0 {
			continue
		}
		if err := step.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Processes lists every process, each after what it depends on: the reverse is the order to stop
// them.
func (s *Stack) Processes() []*Process {
	var all []*Process
	if s.Postgres != nil {
		all = append(all, s.Postgres)
	}
	if s.PgBouncer != nil {
		all = append(all, s.PgBouncer)
	}
	if s.epmd != nil {
		all = append(all, s.epmd)
	}
	all = append(all, s.Rabbits...)
	if s.Redis != nil {
		all = append(all, s.Redis)
	}
	all = append(all, s.Workers...)
	all = append(all, s.APIs...)
	if s.NGINX != nil {
		all = append(all, s.NGINX)
	}
	return all
}

// Close stops everything in the order a vote flows: NGINX, APIs, workers, RabbitMQ, PgBouncer,
// PostgreSQL. It kills what does not stop, and says so in its error. A temporary folder is removed.
// Calling it again does nothing and returns the same error.
func (s *Stack) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Stack) close() error {
	var errs []error
	if s.NGINX != nil {
		errs = append(errs, s.NGINX.Stop())
	}
	errs = append(errs, stopAll(s.APIs), stopAll(s.Workers))
	if s.temporary {
		for _, p := range s.Rabbits {
			// its folder goes: there is nothing to save, and the management plugin takes 5 s to
			// stop
			p.Kill()
		}
	}
	errs = append(errs, stopAll(s.Rabbits))
	if s.epmd != nil {
		errs = append(errs, s.epmd.Stop())
	}
	if s.Redis != nil {
		errs = append(errs, s.Redis.Stop())
	}
	if s.PgBouncer != nil {
		errs = append(errs, s.PgBouncer.Stop())
	}
	if s.Postgres != nil {
		errs = append(errs, s.Postgres.Stop())
	}
	if s.cfg.Race {
		errs = append(errs, racesIn(append(s.APIs, s.Workers...)))
	}
	for _, clean := range s.cleanups {
		clean()
	}
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	s.guard.close()
	return errors.Join(errs...)
}

// stopAll stops processes of one kind at the same time: none of them needs another.
func stopAll(all []*Process) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { errs[i] = p.Stop() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// startAll starts processes of one kind at the same time and says how long each kind took.
func (s *Stack) startAll(ctx context.Context, what string, all ...*Process) error {
	began := time.Now()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { errs[i] = p.Start(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.cfg.Output, "%-22s ready after %4.1f s\n", what,
		time.Since(began).Seconds())
	return nil
}

// process fills in what all processes of this stack share.
func (s *Stack) process(p *Process) *Process {
	p.Log = s.path("log", p.Name+".log")
	p.guard = s.guard
	if p.grace == 0 {
		p.grace = 30 * time.Second
	}
	return p
}

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// environment is all that a process of the stack sees: the caller's settings must not change how a
// server behaves.
func environment(home string, extra ...string) []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8", "TZ=UTC", "HOME=" + home,
	}, extra...)
}

// secret is a password for one stack. Hexadecimal, so that it needs no escaping in a URL.
func secret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

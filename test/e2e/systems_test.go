package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	besideEachOther("6")
	// fasthttp looks after a client's idle connections for a while after the last one was closed.
	cleaner := goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner")
	goleak.VerifyTestMain(running{stack.Main(m)}, cleaner,
		// toxiproxy forgets some of what it held back when a toxic is taken away.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

// besideEachOther sets how many parallel tests run at a time, unless -parallel does. Parallel tests
// wait most of their time, so there may be more of them than processors.
func besideEachOther(tests string) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", tests) // the flag exists and takes a number
	}
}

// running stops what this package's tests started.
type running struct{ stack.Tests }

func (r running) Run() int {
	code := r.Tests.Run()
	for _, s := range systems {
		code = max(code, s.stop())
	}
	binaries.remove()
	transport.CloseIdleConnections()
	return code
}

// system is a shape in which Plenary runs. It is started when the first test needs it and serves
// all tests after that.
type system struct {
	name string
	cfg  stack.Config

	once  sync.Once
	begun bool
	ready chan struct{}
	stack *stack.Stack
	err   error
}

var (
	embedded   = &system{name: "embedded", cfg: stack.Config{Parts: stack.API, APIs: 1}}
	production = &system{name: "production shape", cfg: stack.Config{}}
	systems    = []*system{embedded, usualWay, production}

	// usualWay counts in its own process, too, and keeps its data in PostgreSQL. Its votes take the
	// way of all requests, so the whole suite runs once without fast votes.
	usualWay = &system{name: "PostgreSQL and in-process, no fast votes", cfg: stack.Config{
		Parts: stack.PostgreSQL | stack.API, APIs: 1, APIEnv: []string{"PLENARY_FAST_VOTES=false"},
	}}
)

// start begins to start the system, without waiting for it.
func (s *system) start() {
	s.once.Do(func() {
		s.begun, s.ready = true, make(chan struct{})
		go func() {
			defer close(s.ready)
			s.stack, s.err = launch(s.cfg)
		}()
	})
}

// several is the setting of systems with workers. The default is one partition.
const several = "PLENARY_PARTITIONS=4"

// launch starts processes from binaries that are built once for all tests.
func launch(cfg stack.Config) (*stack.Stack, error) {
	dir, err := binaries.build()
	if err != nil {
		return nil, err
	}
	if cfg.APIBinary == "" {
		cfg.APIBinary = filepath.Join(dir, "api")
	}
	cfg.WorkerBinary = filepath.Join(dir, "worker")
	if cfg.Parts == 0 || cfg.Parts&stack.Worker != 0 {
		cfg.APIEnv = append([]string{several}, cfg.APIEnv...)
		cfg.WorkerEnv = append([]string{several}, cfg.WorkerEnv...)
	}
	return stack.Start(context.Background(), cfg)
}

func (s *system) stop() int {
	if !s.begun {
		return 0
	}
	<-s.ready
	if s.err != nil {
		return 1
	}
	if err := s.stack.Close(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		return 1
	}
	return 0
}

// site is a running system as a test sees it.
type site struct {
	*Client              // through the front door: NGINX, or the only API
	replicas   []*Client // each API directly
	production bool
}

// on waits until the system runs. A short run has only what needs nothing but Go.
func (s *system) on(t *testing.T) site {
	t.Helper()
	if testing.Short() && s.cfg.Parts != stack.API {
		t.Skip("-short: this system needs servers")
	}
	s.start()
	<-s.ready
	require.NoError(t, s.err)
	return siteOf(t, s.stack)
}

func siteOf(t *testing.T, s *stack.Stack) site {
	t.Helper()
	out := site{Client: NewClient(t, s.URL), production: s.NGINX != nil}
	for i, p := range s.APIs {
		out.replicas = append(out.replicas, NewClient(t, p.URL))
		out.replicas[i].operators = p.OperatorsURL
	}
	if !out.production {
		out.operators = s.APIs[0].OperatorsURL
	}
	return out
}

// everywhere runs a test on every system, beside other tests: each has rooms of its own, and waits
// most of its time. A test that measures calls everywhereAlone.
func everywhere(t *testing.T, test func(*testing.T, site)) {
	t.Helper()
	t.Parallel()
	begin(systems...)
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s.on(t))
		})
	}
}

// everywhereAlone runs a test on every system, one after the other, while no other test of the
// package runs.
func everywhereAlone(t *testing.T, test func(*testing.T, site)) {
	t.Helper()
	begin(systems...)
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) { test(t, s.on(t)) })
	}
}

// begin starts systems in the background of the tests that come before theirs.
func begin(systems ...*system) {
	for _, s := range systems {
		if s.cfg.Parts == stack.API || !testing.Short() {
			s.start()
		}
	}
}

// own starts a system for one test, which may break it.
func own(t *testing.T, cfg stack.Config) (site, *stack.Stack) {
	t.Helper()
	if testing.Short() && cfg.Parts != stack.API {
		t.Skip("-short: this system needs servers")
	}
	s, err := launch(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return siteOf(t, s), s
}

var binaries builder

// builder gives the API and the worker in a folder of this package's, once. PLENARY_STACK_RACE=1,
// which makes package stack look for reports of races, gives them the race detector.
type builder struct {
	once sync.Once
	dir  string
	err  error
}

func (b *builder) build() (string, error) {
	b.once.Do(func() { b.dir, b.err = compile() })
	return b.dir, b.err
}

func (b *builder) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

func compile() (string, error) {
	dir, err := os.MkdirTemp("", "plenary-e2e-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the servers run as another user
		return dir, err
	}
	return dir, stack.Build(context.Background(), dir)
}

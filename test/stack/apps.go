package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// envBuilt names the folder of an API and a worker of this module that are built already. The
// command "stack with" builds them once for all test packages. Those with the race detector have a
// name of their own, so that nobody takes the others for them.
func envBuilt(race bool) string {
	if race {
		return "PLENARY_TEST_RACE_BINARIES"
	}
	return "PLENARY_TEST_BINARIES"
}

// withRace says whether programs are built with the race detector unless a Config says so.
func withRace() bool { return os.Getenv("PLENARY_STACK_RACE") == "1" }

// Build puts this module's API and worker into a folder: those that "stack with" has built, or new
// ones. PLENARY_STACK_RACE=1 gives them the race detector.
func Build(ctx context.Context, dir string) error {
	return build(ctx, dir, withRace(), "api", "worker")
}

func build(ctx context.Context, dir string, race bool, names ...string) error {
	if built := os.Getenv(envBuilt(race)); built != "" {
		var errs []error
		for _, name := range names {
			errs = append(errs, os.Symlink(filepath.Join(built, name), filepath.Join(dir, name)))
		}
		return errors.Join(errs...)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if race {
		args = append(args, "-race")
	}
	for _, name := range names {
		args = append(args, "./"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(names, " "), err, out)
	}
	return nil
}

// build puts the API and the worker into the stack's folder, unless the Config names binaries.
func (s *Stack) build(ctx context.Context) error {
	began := time.Now()
	var names []string
	for _, app := range []struct {
		part   Part
		name   string
		binary *string
	}{{API, "api", &s.cfg.APIBinary}, {Worker, "worker", &s.cfg.WorkerBinary}} {
		if s.cfg.Parts&app.part != 0 && *app.binary == "" {
			names = append(names, app.name)
			*app.binary = s.path("bin", app.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := build(ctx, s.path("bin"), s.cfg.Race, names...); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.cfg.Output, "%-22s built after %4.1f s\n", strings.Join(names, " "),
		time.Since(began).Seconds())
	return nil
}

func (s *Stack) startAPIs(ctx context.Context) error {
	for i := range s.cfg.APIs {
		p, err := s.app("api", i, "PLENARY_ADDR", s.cfg.APIBinary, s.cfg.APIEnv)
		if err != nil {
			return err
		}
		s.APIs = append(s.APIs, p)
	}
	s.URL = s.APIs[0].URL
	return s.startAll(ctx, fmt.Sprintf("%d × API", len(s.APIs)), s.APIs...)
}

func (s *Stack) startWorkers(ctx context.Context) error {
	for i := range s.cfg.Workers {
		p, err := s.app("worker", i, "PLENARY_WORKER_ADDR", s.cfg.WorkerBinary, s.cfg.WorkerEnv)
		if err != nil {
			return err
		}
		s.Workers = append(s.Workers, p)
	}
	return s.startAll(ctx, fmt.Sprintf("%d × worker", len(s.Workers)), s.Workers...)
}

// app describes one of our own processes. The i-th one tries the i-th RabbitMQ node first, so that
// they spread.
func (s *Stack) app(kind string, i int, addrVar, binary string, env []string) (*Process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%d", kind, i)
	home := s.path(name)
	if err := s.as.mkdir(home); err != nil {
		return nil, err
	}
	// A test asks, creates and guesses as much as it likes, from one address. One that limits says
	// so.
	settings, operators := []string{
		addrVar + "=" + loopback(port), "PLENARY_CREATE_LIMIT=0", "PLENARY_WRONG_CODES=0",
		"PLENARY_RATE_LIMIT=0", "PLENARY_BURST_LIMIT=0",
		"PLENARY_REGISTER_LIMIT=0", "PLENARY_WRONG_PASSWORDS=0",
	}, port
	if kind == "api" {
		if operators, err = freePort(); err != nil {
			return nil, err
		}
		settings = append(settings, "PLENARY_METRICS_ADDR="+loopback(operators))
	}
	switch {
	case s.PoolerURL != "":
		settings = append(settings, "PLENARY_DATABASE_URL="+s.PoolerURL,
			"PLENARY_DATABASE_POOLER=true")
	case s.DatabaseURL != "":
		settings = append(settings, "PLENARY_DATABASE_URL="+s.DatabaseURL)
	}
	if n := len(s.AMQPURLs); n > 0 {
		all := append(s.AMQPURLs[i%n:n:n], s.AMQPURLs[:i%n]...)
		settings = append(settings, "PLENARY_AMQP_URL="+strings.Join(all, ","))
	}
	if s.RedisURL != "" {
		settings = append(settings, "PLENARY_REDIS_URL="+s.RedisURL)
	}
	app := App{kind, i, binary, append(settings, env...)}
	if s.cfg.Each != nil {
		s.cfg.Each(&app)
	}
	p := s.process(&Process{
		Name: name, Port: port, URL: "http://" + loopback(port),
		OperatorsURL: "http://" + loopback(operators),
		path:         app.Binary, env: environment(home, app.Env...), dir: home, as: s.as,
		quit: syscall.SIGTERM, crash: syscall.SIGKILL,
	})
	p.ready = func(ctx context.Context) error { return answersOK(ctx, p.URL+"/readyz") }
	return p, nil
}

// answersOK asks once, over a connection of its own: none is left idle for a leak check to find.
func answersOK(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return nil
}

// racesIn fails when a process that was built with the race detector reported one.
func racesIn(all []*Process) error {
	var errs []error
	for _, p := range all {
		raw, err := os.ReadFile(p.Log)
		if err != nil {
			continue // never started
		}
		if _, report, found := strings.Cut(string(raw), "WARNING: DATA RACE"); found {
			errs = append(errs, fmt.Errorf("%s: data race%.4000s", p.Name, report))
		}
	}
	return errors.Join(errs...)
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New(
			"the stack builds and configures itself from the repository: run it inside")
	}
	return filepath.Dir(mod), nil
}

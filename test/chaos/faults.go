package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

// Faults is everything that is tried.
func Faults() []*Fault {
	all := slices.Concat(processFaults, brokerFaults, databaseFaults, networkFaults, embeddedFaults)
	return append([]*Fault{inTurn(all, "kill-worker-committed", "kill-api", "kill-postgres", "kill-rabbitmq", "lose-announcements")}, all...)
}

// inTurn is several faults, one after the other, in one history.
func inTurn(all []*Fault, names ...string) *Fault {
	return &Fault{
		Name: "in-turn", What: "one after the other: " + strings.Join(names, ", "), Short: true,
		Strike: func(s *Scene) error {
			for _, name := range names {
				s.Logf("%s", name)
				i := slices.IndexFunc(all, func(f *Fault) bool { return f.Name == name })
				if err := all[i].Strike(s); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := s.Resumed(); err != nil {
					return fmt.Errorf("after %s: %w", name, err)
				}
			}
			return nil
		},
	}
}

var processFaults = []*Fault{
	{
		Name: "calm", What: "nothing goes wrong: what the others are compared with",
		Strike: func(s *Scene) error { return s.Wait(3 * time.Second) },
	},
	{
		Name: "kill-worker", What: "kill -9 a worker under load; it is started again later", Counts: 5 * time.Second,
		Strike: func(s *Scene) error {
			p := s.activeWorker()
			s.Measure()
			p.Kill()
			if err := s.Resumed(); err != nil {
				return err
			}
			return p.Start(s)
		},
	},
	{
		Name: "kill-worker-committed", What: "kill -9 a worker after it committed a batch and before it acknowledged it, three times", Counts: 5 * time.Second,
		Strike: func(s *Scene) error {
			for range 3 {
				if err := s.dieAt("committed"); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "kill-all-workers", What: "kill -9 every worker; for 5 s nobody counts",
		Strike: func(s *Scene) error {
			for _, p := range s.Workers {
				p.Kill()
			}
			if err := s.Wait(5 * time.Second); err != nil {
				return err
			}
			s.Measure()
			return s.startAll(s.Workers)
		},
	},
	{
		Name: "kill-api", What: "kill -9 an API with requests in flight; it is started again after 3 s",
		Strike: func(s *Scene) error {
			p := s.one(s.APIs)
			s.Measure()
			p.Kill()
			if err := s.Wait(3 * time.Second); err != nil {
				return err
			}
			return p.Start(s)
		},
	},
	{
		Name: "pause-api", What: "SIGSTOP each API in turn for 5 s with votes in its batcher",
		Strike: func(s *Scene) error {
			for _, p := range s.APIs {
				if err := s.pause(p, 5*time.Second); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "pause-worker", What: "SIGSTOP the counting worker for 20 s; it goes on when another has taken over",
		Strike: func(s *Scene) error { return s.pause(s.activeWorker(), 20*time.Second) },
	},
	{
		Name: "stop-worker", What: "SIGTERM the counting worker under load, start it again, three times",
		Strike: func(s *Scene) error {
			for range 3 {
				p := s.activeWorker()
				s.Measure()
				if err := p.Restart(s); err != nil {
					return err
				}
				if err := s.Resumed(); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "rolling-restart", What: "SIGTERM every API and worker in turn and start it again",
		Strike: func(s *Scene) error {
			for _, p := range slices.Concat(s.APIs, s.Workers) {
				s.Measure()
				if err := p.Restart(s); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "kill-nginx", What: "kill -9 NGINX and start it again",
		Strike: func(s *Scene) error {
			s.NGINX.Kill()
			if err := s.NGINX.Start(s); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
	{
		Name: "wrong-clock", What: "one API's wall clock steps 30 s ahead, 30 s back and right again every 4 s",
		Shape: func(s *Scene, cfg *stack.Config) {
			var binary string
			binary, s.broken = binaries.buildWrongClock(s)
			cfg.Each = func(app *stack.App) {
				if app.Kind == "api" && app.Index == 0 {
					app.Binary = binary
				}
			}
		},
		Strike: func(s *Scene) error { return s.Wait(20 * time.Second) },
	},
}

// one picks a process.
func (s *Scene) one(all []*stack.Process) *stack.Process { return all[s.Rng.IntN(len(all))] }

// pause suspends a process and lets it go on; measured is from the moment it stops.
func (s *Scene) pause(p *stack.Process, d time.Duration) error {
	s.Measure()
	p.Pause()
	defer p.Resume()
	return s.Wait(d)
}

func (s *Scene) startAll(all []*stack.Process) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { errs[i] = p.Start(s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// dieAt arms a fault point, waits until a worker has died at it, and starts that one again when counting goes on.
func (s *Scene) dieAt(point string) error {
	died := make(chan *stack.Process, len(s.Workers))
	for _, p := range s.Workers {
		done := p.Done()
		go func() {
			select {
			case <-done:
				died <- p
			case <-s.Done():
			}
		}()
	}
	if err := os.WriteFile(filepath.Join(s.points, point), nil, 0o644); err != nil {
		return err
	}
	select {
	case p := <-died:
		s.Measure()
		if err := s.Resumed(); err != nil {
			return err
		}
		return p.Start(s)
	case <-s.Done():
		return s.Err()
	}
}

// activeWorker gives a worker that counts: the one with the most processor time.
func (s *Scene) activeWorker() *stack.Process {
	best, most := s.Workers[0], int64(-1)
	for _, p := range s.Workers {
		if n := cpuTicks(p.Pid()); n > most {
			best, most = p, n
		}
	}
	return best
}

// cpuTicks gives the processor time that a process has used.
func cpuTicks(pid int) (ticks int64) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return ticks
}

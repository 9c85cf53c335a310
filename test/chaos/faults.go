package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

// Faults is everything that is tried.
func Faults() []*Fault {
	all := slices.Concat(
		processFaults, partitionFaults, brokerFaults, databaseFaults, networkFaults, embeddedFaults)
	return append([]*Fault{inTurn(all, "kill-worker-committed", "kill-api", "kill-postgres",
		"kill-rabbitmq", "lose-announcements")}, all...)
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
		Name: "kill-worker", What: "kill -9 a worker in the middle of a batch, with its " +
			"transaction open; it is started again later, twice",
		Counts: 5 * time.Second, Shape: nameWorkers,
		Strike: func(s *Scene) error {
			for range 2 {
				if err := killInBatch(s); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		// The worker kills itself at that point: that it died is the evidence.
		Name: "kill-worker-committed",
		What: "kill -9 a worker after it committed a batch and before it acknowledged it, " +
			"three times", Counts: 5 * time.Second,
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
			if err := s.Wait(time.Second); err != nil { // a last commit may be under way
				return err
			}
			counting, err := s.counting(4 * time.Second)
			if err == nil && len(counting) > 0 {
				err = fmt.Errorf("somebody counts: %v", counting)
			}
			if err != nil {
				return err
			}
			s.Measure()
			return s.startAll(s.Workers)
		},
	},
	{
		Name: "kill-api", What: "kill -9 an API with requests in flight; it is started again " +
			"after 3 s",
		Strike: func(s *Scene) error {
			p, unknown := s.one(s.APIs), s.crowd.unknown.Load()
			p.Pause() // so that requests are in flight
			if err := s.Wait(300 * time.Millisecond); err != nil {
				return err
			}
			s.Measure()
			p.Kill()
			if err := s.awaitUnknown(unknown); err != nil {
				return err
			}
			if err := s.Wait(3 * time.Second); err != nil {
				return err
			}
			return p.Start(s)
		},
	},
	{
		// Votes that were sent before it stopped get their answers when it goes on: they were in
		// its open batches, or on their way.
		Name: "pause-api", What: "SIGSTOP each API in turn for 5 s with votes in its open batches",
		Strike: func(s *Scene) error {
			for _, p := range s.APIs {
				s.Rabbits[0].Pause() // so that votes gather
				if err := s.Wait(300 * time.Millisecond); err != nil {
					return err
				}
				held := s.crowd.service.held(s.crowd.now(), 5*time.Second)
				p.Pause()
				s.Rabbits[0].Resume()
				if err := s.pause(p, "api", 5*time.Second); err != nil {
					return err
				}
				select {
				case <-held:
				case <-time.After(3 * time.Second):
					return fmt.Errorf("%s held no vote while it was suspended", p.Name)
				}
			}
			return nil
		},
	},
	{
		Name: "pause-worker", What: "SIGSTOP the counting worker for 20 s; it goes on when " +
			"another has taken over",
		Strike: pauseWorker,
	},
	{
		Name: "stop-worker", What: "SIGTERM the counting worker under load, start it again, " +
			"three times", Counts: handsOver,
		Strike: func(s *Scene) error {
			for range 3 {
				p, err := s.activeWorker()
				if err != nil {
					return err
				}
				began := time.Now()
				if err := p.Stop(); err != nil {
					return err
				}
				if took := time.Since(began); took > handsOver {
					return fmt.Errorf("%s took %v to stop", p.Name, took)
				}
				s.Measure() // once it has ended: what it counted at last is no hand-over
				if err := s.Resumed(); err != nil {
					return err
				}
				if err := p.Start(s); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		// A restart ends the process, or fails.
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
		// It returns when the process is gone: for a moment there is nobody at the address that
		// everybody uses.
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
		Name: "wrong-clock", What: "one API's wall clock steps 30 s ahead, 30 s back and right " +
			"again every 4 s",
		Shape: func(s *Scene, cfg *stack.Config) {
			var binary string
			binary, s.broken = binaries.buildWrongClock(s)
			cfg.Each = func(app *stack.App) {
				if app.Kind == "api" && app.Index == 0 {
					app.Binary = binary
				}
			}
		},
		Strike: wrongClock,
	},
}

// one picks a process.
func (s *Scene) one(all []*stack.Process) *stack.Process { return all[s.Rng.IntN(len(all))] }

// handsOver is how long a worker that is stopped cleanly may take until another counts.
const handsOver = 2 * time.Second

// pause suspends a process of a kind and lets it go on; measured is from the moment it stops.
func (s *Scene) pause(p *stack.Process, kind string, d time.Duration) error {
	s.Measure()
	p.Pause()
	defer p.Resume()
	began := time.Now()
	if err := isSilent(p, kind); err != nil {
		return err
	}
	return s.Wait(d - time.Since(began))
}

// pauseWorker suspends a worker until what it counted stands still, and another has taken that
// over.
func pauseWorker(s *Scene) error {
	p, err := s.activeWorker()
	if err != nil {
		return err
	}
	before, err := s.counting(2 * time.Second)
	if err != nil {
		return err
	}
	s.Measure()
	p.Pause()
	defer p.Resume()
	began := time.Now()
	if err := s.Wait(500 * time.Millisecond); err != nil { // a last commit may be under way
		return err
	}
	during, err := s.counting(3 * time.Second)
	if err != nil {
		return err
	}
	if len(during) >= len(before) {
		return fmt.Errorf(
			"%s is suspended, and nothing stands still: %v were counted before, %v are now",
			p.Name, before, during)
	}
	if err := s.Wait(20*time.Second - time.Since(began)); err != nil {
		return err
	}
	return s.Resumed()
}

// wrongClock waits until the clock was wrong both ways.
func wrongClock(s *Scene) error {
	ahead, behind := false, false
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		if off, err := clockError(s.APIs[0]); err == nil {
			ahead, behind = ahead || off > 20*time.Second, behind || off < -20*time.Second
		}
		if err := s.Wait(500 * time.Millisecond); err != nil {
			return err
		}
	}
	if !ahead || !behind {
		return fmt.Errorf("the clock was ahead: %v, behind: %v", ahead, behind)
	}
	return nil
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

// dieAt arms a fault point, waits until a worker has died at it, and starts that one again when
// counting goes on.
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

// Package lifetest is the conformance suite of life.Service: whatever runs in a process passes it.
package lifetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/life"
)

const (
	// enough is more than any service needs to stop.
	enough = 30 * time.Second
	// soon is how long a Stop may take whose context has ended.
	soon = 10 * time.Second
	// rounds is how often Start and Stop meet.
	rounds = 20
)

// Made is a service that was not started, and what to do with it.
type Made struct {
	life.Service
	Work func() // gives the running service something that takes a while; nil: nothing does
}

// Run tests a service. fresh makes a new one for each case. It must leave no goroutine behind, and
// nothing else may start one meanwhile. still names goroutines that are not the service's.
func Run(t *testing.T, fresh func(t *testing.T) Made, still ...goleak.Option) {
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			before := append([]goleak.Option{goleak.IgnoreCurrent()}, still...)
			defer func() {
				if err := goleak.Find(before...); err != nil {
					t.Errorf("something still runs: %v", err)
				}
			}()
			if err := test(func() Made { return fresh(t) }); err != nil {
				t.Error(err)
			}
		})
	}
}

var cases = map[string]func(fresh func() Made) error{
	"stopped at once": func(fresh func() Made) error {
		s := fresh()
		if err := s.Start(); err != nil {
			return fmt.Errorf("started: %w", err)
		}
		return stopped(s)
	},
	"stopped at work, and again": func(fresh func() Made) error {
		s := fresh()
		if err := s.Start(); err != nil {
			return fmt.Errorf("started: %w", err)
		}
		s.work()
		if err := stopped(s); err != nil {
			return err
		}
		if err := stopped(s); err != nil {
			return fmt.Errorf("a second time: %w", err)
		}
		return refuses(s, life.ErrStopped)
	},
	"stopped by many": func(fresh func() Made) error {
		s := fresh()
		if err := s.Start(); err != nil {
			return fmt.Errorf("started: %w", err)
		}
		errs := make(chan error, rounds)
		for range rounds {
			go func() { errs <- stopped(s) }()
		}
		for range rounds {
			if err := <-errs; err != nil {
				return err
			}
		}
		return nil
	},
	"stopped before the start": func(fresh func() Made) error {
		s := fresh()
		if err := stopped(s); err != nil {
			return err
		}
		return refuses(s, life.ErrStopped)
	},
	"started twice": func(fresh func() Made) error {
		s := fresh()
		if err := s.Start(); err != nil {
			return fmt.Errorf("started: %w", err)
		}
		if err := refuses(s, life.ErrStarted); err != nil {
			return err
		}
		return stopped(s)
	},
	"stopped while it starts": func(fresh func() Made) error {
		for range rounds {
			s := fresh()
			var both sync.WaitGroup
			var startErr, stopErr error
			both.Go(func() { startErr = s.Start() })
			both.Go(func() { stopErr = stopped(s) })
			both.Wait()
			if startErr != nil && !errors.Is(startErr, life.ErrStopped) {
				return fmt.Errorf("started: %w", startErr)
			}
			if stopErr != nil {
				return stopErr
			}
			if err := refuses(s, life.ErrStopped); err != nil {
				return err
			}
		}
		return nil
	},
	"stopped without time": func(fresh func() Made) error {
		s := fresh()
		if err := s.Start(); err != nil {
			return fmt.Errorf("started: %w", err)
		}
		s.work()
		over, cancel := context.WithCancel(context.Background())
		cancel()
		begun := time.Now()
		_ = s.Stop(over) // nil or not: what matters is the next Stop
		if took := time.Since(begun); took > soon {
			return fmt.Errorf("stop took %s though its context had ended", took)
		}
		return stopped(s)
	},
}

func (m Made) work() {
	if m.Work != nil {
		m.Work()
	}
}

// stopped stops a service with time enough.
func stopped(s life.Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	return nil
}

// refuses says whether Start gives an error.
func refuses(s life.Service, want error) error {
	if err := s.Start(); !errors.Is(err, want) {
		return errors.Join(fmt.Errorf("start did not give %w", want), err)
	}
	return nil
}

// Finds tests the suite: it must find something wrong with a service in the case of that name.
func Finds(t *testing.T, name string, fresh func() life.Service) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	err := cases[name](func() Made { return Made{Service: fresh()} })
	if err == nil {
		err = goleak.Find(before)
	}
	require.Error(t, err, "nothing is wrong where it is %s", name)
}

// Start starts a service for the time of a test.
func Start(t testing.TB, s life.Service) {
	t.Helper()
	require.NoError(t, s.Start())
	t.Cleanup(func() { Stop(t, s) })
}

// Stop stops a service with time enough. It must stop.
func Stop(t testing.TB, s life.Service) {
	t.Helper()
	require.NoError(t, stopped(s))
}

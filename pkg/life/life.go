// Package life is how the parts of a process start and stop. It is a package of its own, below all
// others, since adapters, features and servers live alike and know nothing of each other.
package life

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Service is a part of a process that runs beside others. lifetest has its conformance suite.
type Service interface {
	// Start begins to run, and returns. A service starts once: a second Start gives ErrStarted. A
	// Start after Stop gives ErrStopped, and nothing runs.
	Start() error

	// Stop ends the run, and returns nil when nothing of the service runs any more. When ctx ends,
	// Stop cuts off what is under way. An error says that something may still run: what the service
	// works with must stay open, and Stop may be called again. Stop may be called at any time, also
	// before Start, more than once, and by many goroutines at once.
	Stop(ctx context.Context) error
}

// Errors of Start.
var (
	ErrStarted = errors.New("it was started before")
	ErrStopped = errors.New("it was stopped before")
)

// Loop gives a service that runs a function. The function must return soon after its context ends,
// which Stop ends at once.
func Loop(run func(ctx context.Context)) Service { return &loop{NewTasks(), run} }

type loop struct {
	*Tasks
	run func(context.Context)
}

func (l *loop) Start() error {
	if err := l.Tasks.Start(); err != nil {
		return err
	}
	if !l.Go(l.run) {
		return ErrStopped
	}
	return nil
}

// Within gives a service whose Stop has a part of the time that is left: what stops after it needs
// the rest. When that part is over, Stop returns nil all the same, and late is told the error. So
// what still runs then must do without what it works with. Where ctx has no deadline there is no
// bound.
func Within(part float64, s Service, late func(error)) Service { return within{s, part, late} }

type within struct {
	Service
	part float64
	late func(error)
}

func (w within) Stop(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Duration(float64(time.Until(deadline)) * w.part)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	if err := w.Service.Stop(ctx); err != nil {
		w.late(err)
	}
	return nil
}

// InOrder gives a service that starts others in order and stops them in reverse, each when the one
// before has stopped. If one cannot start, those before it are stopped. Where one does not stop in
// time, those under it stay as they are.
func InOrder(services ...Service) Service { return &inOrder{services: services} }

type inOrder struct {
	services []Service
	mu       sync.Mutex // held while services are started, never while they are stopped
	started  bool
	stopped  bool
}

func (g *inOrder) Start() error {
	n, err := g.start()
	if err != nil {
		return errors.Join(err, stop(context.Background(), g.services[:n]))
	}
	return nil
}

// start starts the services in order, and gives how many started.
func (g *inOrder) start() (n int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopped:
		return 0, ErrStopped
	case g.started:
		return 0, ErrStarted
	}
	g.started = true
	for i, s := range g.services {
		if err := s.Start(); err != nil {
			g.stopped = true
			return i, err
		}
	}
	return len(g.services), nil
}

// Stop is the promise of Service. Stops at once go side by side, each bounded by its own context.
// Each leaves a service only when that has stopped, so the order holds for all of them.
func (g *inOrder) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	return stop(ctx, g.services)
}

func stop(ctx context.Context, services []Service) error {
	for _, s := range slices.Backward(services) {
		if err := s.Stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

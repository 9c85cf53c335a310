package life

import (
	"context"
	"sync"
)

// Tasks is a service of functions that run side by side. It is safe for use by many goroutines.
type Tasks struct {
	ctx    context.Context // of the functions
	cancel context.CancelFunc

	mu      sync.Mutex
	started bool
	running int
	idle    chan struct{} // closed while nothing runs
}

// NewTasks makes a service of no functions.
func NewTasks() *Tasks {
	t := &Tasks{idle: make(chan struct{})}
	close(t.idle)
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Context gives the context of the functions, which Stop ends at once.
func (t *Tasks) Context() context.Context { return t.ctx }

// Go runs a function in a goroutine, also before Start. The function must return soon after its
// context ends. False: the tasks were stopped, and the function does not run.
func (t *Tasks) Go(f func(ctx context.Context)) bool {
	if !t.enter() {
		return false
	}
	go func() {
		defer t.leave()
		f(t.ctx)
	}()
	return true
}

func (t *Tasks) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return false
	}
	if t.running++; t.running == 1 {
		t.idle = make(chan struct{})
	}
	return true
}

func (t *Tasks) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running--; t.running == 0 {
		close(t.idle)
	}
}

// Start is the promise of Service. Nothing runs before the first Go.
func (t *Tasks) Start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return ErrStopped
	case t.started:
		return ErrStarted
	}
	t.started = true
	return nil
}

// Stop is the promise of Service.
func (t *Tasks) Stop(ctx context.Context) error {
	t.mu.Lock()
	t.cancel() // under the lock: a Go is before it, or has no effect
	t.mu.Unlock()
	return t.Wait(ctx)
}

// Wait returns when nothing runs. The error is that of ctx, if that ends before.
func (t *Tasks) Wait(ctx context.Context) error {
	t.mu.Lock()
	idle := t.idle
	t.mu.Unlock()
	return until(ctx, idle)
}

// until waits for a channel to be closed. One that is closed already comes before the end of ctx.
func until(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait waits for a group whose counter grows no more from zero. The error is that of ctx, if that
// ends before.
func Wait(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	return until(ctx, done)
}

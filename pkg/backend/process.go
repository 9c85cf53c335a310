package backend

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/plenary-live/plenary/pkg/life"
)

// Under gives a service that opens the adapters, and runs on them what start gives. It waits for
// the adapters beside others, so its own Start returns at once. start begins what it gives. Stop
// stops that first, and closes the adapters when nothing works with them any more. Run is told what
// went wrong.
func (b *Backend) Under(start func(context.Context) (life.Service, error)) life.Service {
	u := &under{backend: b}
	u.opening = life.Loop(func(ctx context.Context) {
		if err := u.open(ctx, start); err != nil && ctx.Err() == nil {
			b.failed <- err
		}
	})
	return u
}

// under is a service on opened adapters.
type under struct {
	backend *Backend
	opening life.Service

	mu    sync.Mutex
	above life.Service // nil: nothing works with the adapters
}

func (u *under) open(
	ctx context.Context, start func(context.Context) (life.Service, error),
) error {
	if err := u.backend.Open(ctx); err != nil {
		return err
	}
	above, err := start(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.above = above
	return err
}

func (u *under) Start() error { return u.opening.Start() }

func (u *under) Stop(ctx context.Context) error {
	if err := u.opening.Stop(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	above := u.above
	u.mu.Unlock()
	if above != nil {
		if err := above.Stop(ctx); err != nil {
			return err
		}
	}
	return u.backend.Close()
}

// Run runs a process until ctx ends, or something of it has failed by itself: what is under the
// process, or what failed tells. Then it stops it, within PLENARY_STOP_TIMEOUT.
func (b *Backend) Run(ctx context.Context, process life.Service, failed <-chan error) error {
	err := process.Start()
	if err == nil {
		select {
		case <-ctx.Done():
			b.logger.Info("stopping")
		case err = <-b.failed:
		case err = <-failed:
		}
	}
	stopping, cancel := context.WithTimeout(context.Background(), b.cfg.StopTimeout)
	defer cancel()
	stopErr := process.Stop(stopping)
	if stopping.Err() != nil && errors.Is(stopErr, stopping.Err()) {
		stopErr = fmt.Errorf("not stopped within %s", b.cfg.StopTimeout)
	}
	return errors.Join(err, stopErr)
}

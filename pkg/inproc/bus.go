package inproc

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Bus is a bus.Bus that ends at the process: what one goroutine announces, the others of this
// process hear.
type Bus struct {
	fanout bus.Fanout
	closed atomic.Bool
}

var _ bus.Bus = (*Bus)(nil)

// NewBus makes a bus.
func NewBus() *Bus { return &Bus{} }

// Announce hands changes to every subscriber. It fails only after Close.
func (b *Bus) Announce(_ context.Context, changes ...bus.Change) error {
	if b.closed.Load() {
		return errors.New("the bus is closed")
	}
	b.fanout.Send(changes...)
	return nil
}

// Subscribe is the promise of bus.Bus.
func (b *Bus) Subscribe(ctx context.Context) <-chan bus.Change { return b.fanout.Subscribe(ctx) }

// Close closes every subscription. It may be called more than once.
func (b *Bus) Close() error {
	b.closed.Store(true)
	b.fanout.Close()
	return nil
}

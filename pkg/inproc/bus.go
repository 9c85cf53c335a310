package inproc

import (
	"context"
	"errors"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

// Bus is a bus.Bus that ends at the process: what one goroutine announces, the others of this process hear.
type Bus struct {
	fanout bus.Fanout
	closed chan struct{}
}

var _ bus.Bus = (*Bus)(nil)

// NewBus makes a bus.
func NewBus() *Bus { return &Bus{closed: make(chan struct{})} }

// Announce hands changes to every subscriber. It fails only after Close.
func (b *Bus) Announce(_ context.Context, changes ...poll.Change) error {
	select {
	case <-b.closed:
		return errors.New("the bus is closed")
	default:
		b.fanout.Send(changes...)
		return nil
	}
}

// Subscribe is the promise of bus.Bus.
func (b *Bus) Subscribe(ctx context.Context) <-chan poll.Change { return b.fanout.Subscribe(ctx) }

// Close closes every subscription. It may be called once.
func (b *Bus) Close() error {
	close(b.closed)
	b.fanout.Close()
	return nil
}

package rabbitmq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Bus is a bus.Bus over a fanout exchange. It lives on the connections of its Log.
type Bus struct {
	log    *Log
	fanout bus.Fanout
	wanted atomic.Bool // somebody subscribed
	closed atomic.Bool

	mu   sync.Mutex // guards sent; what is sent is in its order
	id   [8]byte    // names this process to the others
	sent uint64     // announcements, the lost ones included
}

var _ bus.Bus = (*Bus)(nil)

func newBus(l *Log) *Bus {
	b := &Bus{log: l}
	_, _ = rand.Read(b.id[:]) // never fails
	return b
}

// Announce is the promise of bus.Bus. What does not get out of the process is told within it.
func (b *Bus) Announce(ctx context.Context, changes ...bus.Change) error {
	if b.closed.Load() {
		return errors.New("the bus is closed")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(changes) == 0 {
		return nil
	}
	if err := b.send(changes); err != nil {
		b.fanout.Send(changes...)
		return err
	}
	return nil
}

func (b *Bus) send(changes []bus.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent++
	body := announcement{b.id, b.sent, changes}.encode()
	return b.log.say(utterance{exchange: b.log.cfg.busExchange(), body: body})
}

// Subscribe is the promise of bus.Bus. It returns when the broker delivers to this process, or,
// when the broker is away, at once: a zero Change comes when it is back.
func (b *Bus) Subscribe(ctx context.Context) <-chan bus.Change {
	changes := b.fanout.Subscribe(ctx)
	// before the session is asked for: either we find it, or attachAgain finds this
	b.wanted.Store(true)
	r, k, err := b.log.consuming.get()
	if err != nil {
		return changes
	}
	done := make(chan struct{})
	if !k.start(func() { defer close(done); b.attach(r) }) {
		return changes
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	return changes
}

// attachAgain listens on a new connection, on which nothing was heard before.
func (b *Bus) attachAgain(r *reception) {
	if b.wanted.Load() {
		b.attach(r)
		b.fanout.Missed()
	}
}

// attach listens to the bus, once for each connection, which ends if that fails.
func (b *Bus) attach(r *reception) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attached {
		return
	}
	r.attached = true
	limit := time.AfterFunc(b.log.cfg.DialTimeout,
		func() { r.conn.kill(errors.New("listening to the bus took too long")) })
	defer limit.Stop()
	if err := b.listen(r.conn); err != nil {
		r.conn.kill(fmt.Errorf("listen to the bus: %w", err))
	}
}

func (b *Bus) listen(k *conn) error {
	ch, err := k.vital()
	if err != nil {
		return err
	}
	if err := b.log.cfg.declareBus(ch); err != nil {
		return err
	}
	name, err := declareOwn(ch, ownQueueLength)
	if err != nil {
		return err
	}
	if err := ch.QueueBind(name, "", b.log.cfg.busExchange(), false, nil); err != nil {
		return err
	}
	heard := gaps{}
	return k.consume(ch, name, func(d amqp.Delivery) {
		a, err := decodeAnnouncement(d.Body)
		switch {
		case errors.Is(err, errNewer):
			b.fanout.Missed() // something may have changed
		case err != nil:
			b.log.cfg.Logger.Debug("rabbitmq: an announcement is ignored", "error", err)
		default:
			if heard.missed(a) {
				b.fanout.Missed()
			}
			b.fanout.Send(a.changes...)
		}
	})
}

// Close closes every subscriber. The connections are the log's. It may be called more than once.
func (b *Bus) Close() error {
	b.closed.Store(true)
	b.fanout.Close()
	return nil
}

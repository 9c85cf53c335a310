package rabbitmq

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

// Bus is a bus.Bus over a fanout exchange. It lives on the connections of its Log.
type Bus struct {
	log    *Log
	fanout bus.Fanout
	wanted atomic.Bool // somebody subscribed
	closed atomic.Bool
}

var _ bus.Bus = (*Bus)(nil)

// Announce is the promise of bus.Bus. What does not get out of the process is told within it.
func (b *Bus) Announce(ctx context.Context, changes ...poll.Change) error {
	if b.closed.Load() {
		return errors.New("the bus is closed")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(changes) == 0 {
		return nil
	}
	err := b.log.say(utterance{exchange: b.log.cfg.busExchange(), body: encodeChanges(changes)})
	if err != nil {
		b.fanout.Send(changes...)
	}
	return err
}

// Subscribe is the promise of bus.Bus. It returns when the broker delivers to this process, or, when the broker is away,
// at once: a zero Change comes when it is back.
func (b *Bus) Subscribe(ctx context.Context) <-chan poll.Change {
	changes := b.fanout.Subscribe(ctx)
	b.wanted.Store(true) // before the session is asked for: either we find it, or attachAgain finds this
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
	limit := time.AfterFunc(b.log.cfg.DialTimeout, func() { r.conn.kill(errors.New("listening to the bus took too long")) })
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
	return k.consume(ch, name, func(d amqp.Delivery) {
		changes, err := decodeChanges(d.Body)
		if err != nil {
			b.log.cfg.Logger.Debug("rabbitmq: an announcement is ignored", "error", err)
			return
		}
		b.fanout.Send(changes...)
	})
}

// Close closes every subscriber. The connections are the log's. It may be called more than once.
func (b *Bus) Close() error {
	b.closed.Store(true)
	b.fanout.Close()
	return nil
}

// An announcement is "PLB", a version byte, and changes: presentation id, poll id (16 bytes each), version and revision
// (unsigned varints), to the end.
const (
	busMagic   = "PLB"
	busVersion = 1
)

func encodeChanges(changes []poll.Change) []byte {
	buf := append(make([]byte, 0, 4+len(changes)*40), busMagic...)
	buf = append(buf, busVersion)
	for _, c := range changes {
		buf = append(buf, c.PresentationID[:]...)
		buf = append(buf, c.PollID[:]...)
		buf = binary.AppendUvarint(buf, uint64(c.Version))
		buf = binary.AppendUvarint(buf, uint64(c.Revision))
	}
	return buf
}

var errGarbage = errors.New("not an announcement")

// decodeChanges reads an announcement. One of a newer version gives the zero Change: something may have changed.
func decodeChanges(data []byte) ([]poll.Change, error) {
	if len(data) < 4 || string(data[:3]) != busMagic || data[3] == 0 {
		return nil, errGarbage
	}
	if data[3] != busVersion {
		return []poll.Change{{}}, nil
	}
	changes := make([]poll.Change, 0, len(data)/34)
	for data = data[4:]; len(data) > 0; {
		var c poll.Change
		if len(data) < 32 {
			return nil, errGarbage
		}
		copy(c.PresentationID[:], data)
		copy(c.PollID[:], data[16:])
		data = data[32:]
		for _, n := range []*int64{&c.Version, &c.Revision} {
			value, size := binary.Uvarint(data)
			if size <= 0 {
				return nil, errGarbage
			}
			*n, data = int64(value), data[size:]
		}
		changes = append(changes, c)
	}
	return changes, nil
}

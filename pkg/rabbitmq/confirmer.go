package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

// confirmer publishes on one channel, in order, and tells of each message what became of it.
//
// One goroutine writes; it is not the caller, who may have to go while the connection takes no
// bytes. Another reads returns and confirms: an unroutable message is returned and then confirmed,
// so the returns are emptied first.
type confirmer struct {
	conn   *conn
	ch     *amqp.Channel
	slots  chan struct{}   // one for each unconfirmed message
	writes chan *unsettled // to the writer
	ended  chan struct{}   // closed when no more confirms come
	wg     sync.WaitGroup

	mu      sync.Mutex
	waiting map[uint64]*unsettled // by delivery tag
	byID    map[string]*unsettled // by what keyOf says
}

// unsettled is a message whose fate is not known yet.
type unsettled struct {
	key       string
	msg       amqp.Publishing
	confirmed func(error)
	written   chan error // what publish returns
	begun     time.Time  // of the write

	// Guarded by the confirmer's mu.
	state    int
	returned string // why the broker could not route it
	early    bool   // settled before the write returned
	// answer is the library's own record of what the broker said; set when the write has returned.
	// The confirms in order, which only tell when to look, are not to be trusted. A broker may
	// refuse a message at once, and confirm its older and its newer neighbour later with one "up
	// to here". Then they say that it was taken.
	answer *amqp.DeferredConfirmation
}

// outcome is what became of a settled message.
func (u *unsettled) outcome() error {
	switch {
	case u.returned != "":
		return refused(fmt.Errorf("%s: %s", u.key, u.returned))
	case !u.answer.Acked():
		return refused(fmt.Errorf("%s: the broker took it not; is the queue full?", u.key))
	}
	return nil
}

const (
	writing   = iota
	promised  // publish returned nil: confirmed will be called
	abandoned // publish returned an error: it will not
)

// newConfirmer opens the channel. Messages go to the default exchange, so to the queue that key
// names.
func newConfirmer(k *conn) (*confirmer, error) {
	ch, err := k.vital()
	if err != nil {
		return nil, err
	}
	f := &confirmer{
		conn: k, ch: ch, slots: make(chan struct{}, maxUnconfirmed), writes: make(chan *unsettled),
		ended:   make(chan struct{}),
		waiting: map[uint64]*unsettled{}, byID: map[string]*unsettled{},
	}
	returns := ch.NotifyReturn(make(chan amqp.Return, maxUnconfirmed))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, maxUnconfirmed))
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	if !k.start(func() {
		f.wg.Go(f.write)
		f.read(returns, confirms)
	}) {
		return nil, errLost
	}
	return f, nil
}

// publish is the promise of queue.Publisher for one message.
func (f *confirmer) publish(ctx context.Context, key string, msg amqp.Publishing,
	confirmed func(error)) error {
	u := &unsettled{key: key, msg: msg, confirmed: confirmed, written: make(chan error, 1)}
	select {
	case f.slots <- struct{}{}:
	case <-f.ended:
		return refused(errLost)
	case <-ctx.Done():
		return refused(context.Cause(ctx))
	}
	select {
	case f.writes <- u:
	case <-f.ended:
		return refused(errLost) // the slot is lost with the channel
	case <-ctx.Done():
		<-f.slots
		return refused(context.Cause(ctx))
	}
	select {
	case err := <-u.written:
		return err
	case <-ctx.Done():
		if f.decide(u, abandoned) {
			return unknown(context.Cause(ctx))
		}
		return <-u.written
	}
}

func refused(why error) error { return fmt.Errorf("%w: %w", queue.ErrRefused, why) }
func unknown(why error) error { return fmt.Errorf("%w: %w", queue.ErrUnknown, why) }

// decide moves u out of writing, once.
func (f *confirmer) decide(u *unsettled, state int) bool {
	f.mu.Lock()
	first := u.state == writing
	if first {
		u.state = state
	}
	settled := first && state == promised && u.early
	f.mu.Unlock()
	if settled {
		u.confirmed(u.outcome())
	}
	return first
}

// write is the writer. It numbers messages as the channel does.
func (f *confirmer) write() {
	for tag := uint64(1); ; tag++ {
		select {
		case <-f.ended:
			return
		case u := <-f.writes:
			if f.ch.IsClosed() {
				f.decide(u, abandoned)
				u.written <- refused(errLost)
				continue // to the end: no confirm comes any more
			}
			u.begun = time.Now()
			f.mu.Lock()
			f.waiting[tag] = u
			f.byID[keyOf(u.msg.MessageId, u.msg.Headers)] = u
			f.mu.Unlock()
			answer, err := f.ch.PublishWithDeferredConfirm("", u.key, true, false, u.msg)
			if err == nil {
				f.mu.Lock()
				u.answer = answer
				f.mu.Unlock()
				f.decide(u, promised)
				u.written <- nil
				continue
			}
			f.decide(u, abandoned)
			u.written <- unknown(err)
			f.conn.kill(err) // the library does not always, and its buffer may hold half a message
		}
	}
}

// read settles messages until the channel ends, and then those that are left.
func (f *confirmer) read(returns <-chan amqp.Return, confirms <-chan amqp.Confirmation) {
	ticker := time.NewTicker(f.conn.confirmTimeout / 4)
	defer ticker.Stop()
	for since := time.Now(); ; {
		select {
		case now := <-ticker.C:
			if f.conn.blocked.Load() != nil {
				since = now // it said that it would owe us some time
			}
			if f.owed(now, since) {
				f.conn.kill(errors.New("the broker confirms nothing"))
			}
		case r, ok := <-returns:
			if ok {
				f.returned(r)
			} else {
				returns = nil
			}
		case c, ok := <-confirms:
			returns = f.empty(returns)
			if !ok {
				close(f.ended)
				f.wg.Wait()
				f.settleRest()
				return
			}
			f.settle(c)
		}
	}
}

// owed says whether the confirm of a message is overdue, in the time since then.
func (f *confirmer) owed(now, since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.waiting {
		if now.Sub(u.begun) > f.conn.confirmTimeout && now.Sub(since) > f.conn.confirmTimeout {
			return true
		}
	}
	return false
}

// empty takes every return that is there. Since the library hands them over in the broker's order,
// the return of a confirmed message is.
func (f *confirmer) empty(returns <-chan amqp.Return) <-chan amqp.Return {
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				return nil
			}
			f.returned(r)
		default:
			return returns
		}
	}
}

func (f *confirmer) returned(r amqp.Return) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u := f.byID[keyOf(r.MessageId, r.Headers)]; u != nil {
		u.returned = r.ReplyText
	}
}

// keyOf tells messages that wait for their confirm apart, so that a return finds its own. Ours have
// an id of their own; what is set aside keeps its publisher's, which may be anything, and is told
// apart by the delivery.
func keyOf(messageID string, headers amqp.Table) string {
	if id, ok := headers[headerID].(string); ok {
		return fmt.Sprint(id, headers[headerQueue], headers[headerTag])
	}
	return messageID
}

func (f *confirmer) settle(c amqp.Confirmation) {
	f.mu.Lock()
	u := f.waiting[c.DeliveryTag]
	if u == nil {
		f.mu.Unlock()
		return
	}
	f.forget(c.DeliveryTag, u)
	call := u.state == promised
	u.early = u.state == writing
	f.mu.Unlock()
	<-f.slots
	if call {
		u.confirmed(u.outcome())
	}
}

func (f *confirmer) forget(tag uint64, u *unsettled) {
	delete(f.waiting, tag)
	if key := keyOf(u.msg.MessageId, u.msg.Headers); f.byID[key] == u {
		delete(f.byID, key)
	}
}

// settleRest runs alone: the writer has ended, and every message is promised or abandoned.
func (f *confirmer) settleRest() {
	for tag, u := range f.waiting {
		f.forget(tag, u)
		switch {
		case u.state == abandoned:
		case u.returned != "":
			u.confirmed(refused(fmt.Errorf("%s: %s", u.key, u.returned)))
		default:
			u.confirmed(unknown(f.conn.why()))
		}
	}
}

package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Acknowledgements are sent together. Each costs the broker a write to its log, and the next entry
// waits for that. In BenchmarkVerdict an entry alone had its verdict in 0.9 to 1.6 ms instead of
// 3.8.
const (
	ackEntries = 64                    // far fewer than Prefetch: the broker goes on delivering
	ackWithin  = 50 * time.Millisecond // so that whoever takes over finds little to skip
)

// subscription is a queue.Subscription: a channel of its own on the consuming connection.
type subscription struct {
	stream *stream
	conn   *conn
	ch     *amqp.Channel
	queue  string
	// with room for all that may be unacknowledged: what came can be taken without waiting
	deliveries chan queue.Delivery
	closing    chan struct{}
	close      sync.Once
	pumped     chan struct{} // closed when deliveries is

	mu      sync.Mutex
	unacked []unacked // as they came, by rising tag: any of them may have to be set aside
	owed    int       // acknowledged entries that the broker was not told of
	due     uint64    // the tag of the last of them
	later   *time.Timer
}

// unacked is an entry that waits for its acknowledgement.
type unacked struct {
	amqp.Delivery
	held   bool   // nothing but its own tag acknowledges it
	letter string // its id as a dead letter, however often it is tried; empty: never yet
}

// Subscribe is the promise of queue.Consumer. It makes the partition's queue if somebody deleted
// it.
func (s *stream) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	if err := s.check(partition); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, s.unavailable(context.Cause(ctx))
	}
	_, k, err := s.log.consuming.get()
	if err != nil {
		return nil, s.unavailable(err)
	}
	type result struct {
		sub *subscription
		err error
	}
	results := make(chan result)
	if !k.start(func() { // the client library's calls know no ctx
		sub, err := s.subscribe(k, partition)
		select {
		case results <- result{sub, err}:
		case <-ctx.Done():
			if sub != nil {
				_ = sub.Close()
			}
		}
	}) {
		return nil, s.unavailable(errLost)
	}
	select {
	case r := <-results:
		if _, ok := errors.AsType[mismatch](r.err); ok {
			return nil, r.err
		}
		if r.err != nil {
			return nil, s.unavailable(r.err)
		}
		return r.sub, nil
	case <-ctx.Done():
		return nil, s.unavailable(context.Cause(ctx))
	}
}

func (from *stream) subscribe(k *conn, partition int) (*subscription, error) {
	ch, err := k.Channel()
	if err != nil {
		return nil, err
	}
	s := &subscription{
		stream: from, conn: k, ch: ch, queue: from.queue(partition),
		deliveries: make(chan queue.Delivery, Prefetch), closing: make(chan struct{}),
		pumped: make(chan struct{}),
		later:  time.NewTimer(ackWithin),
	}
	s.later.Stop()
	if err := from.log.cfg.declarePartition(ch, from.name, partition); err != nil {
		return nil, s.give(err)
	}
	if err := ch.Qos(Prefetch, 0, false); err != nil {
		return nil, s.give(err)
	}
	deliveries, err := ch.Consume(s.queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, s.give(err)
	}
	if !k.start(func() { s.pump(deliveries) }) {
		return nil, errLost
	}
	return s, nil
}

// give closes the channel and passes on why.
func (s *subscription) give(err error) error {
	_ = s.closeChannel() // closed already, mostly
	return err
}

func (s *subscription) pump(from <-chan amqp.Delivery) {
	defer close(s.pumped)
	defer close(s.deliveries)
	defer s.later.Stop()
	for {
		select {
		case d, ok := <-from:
			if !ok {
				return
			}
			select {
			case s.deliveries <- s.decode(d):
			case <-s.closing:
				return // the library forgets the rest when the channel is closed
			}
		case <-s.later.C:
			s.tell()
		}
	}
}

func (s *subscription) decode(d amqp.Delivery) queue.Delivery {
	e, err := queue.Decode(d.Body)
	s.mu.Lock()
	s.unacked = append(s.unacked, unacked{Delivery: d, held: err != nil})
	s.mu.Unlock()
	if err == nil {
		_, e.Replayed = d.Headers[headerReplayed]
		return queue.Delivery{Tag: d.DeliveryTag, Entry: e, ReplyTo: d.ReplyTo}
	}
	return queue.Delivery{Tag: d.DeliveryTag, ReplyTo: d.ReplyTo, Err: err, Raw: d.Body}
}

// Deliveries is the promise of queue.Subscription.
func (s *subscription) Deliveries() <-chan queue.Delivery { return s.deliveries }

// Hold is the promise of queue.Subscription.
func (s *subscription) Hold(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, found := s.find(tag); found {
		s.unacked[n].held = true
	}
}

// Ack is the promise of queue.Subscription. The broker is told soon. An entry that comes again
// since it was not told yet is known by its id.
func (s *subscription) Ack(tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, found := s.find(tag)
	if found && s.unacked[n].held {
		s.unacked = slices.Delete(s.unacked, n, n+1)
		return s.ch.Ack(tag, false)
	}
	if found {
		n++
	}
	if slices.ContainsFunc(s.unacked[:n], func(d unacked) bool { return d.held }) {
		return s.ackAround(n)
	}
	if s.ch.IsClosed() {
		return s.conn.why()
	}
	s.unacked = slices.Delete(s.unacked, 0, n)
	if s.owed == 0 {
		s.later.Reset(ackWithin)
	}
	s.due = tag
	if s.owed += max(n, 1); s.owed >= ackEntries {
		return s.flush()
	}
	return nil
}

// ackAround acknowledges the first n of the unacknowledged entries at once, but those that are
// being set aside. mu is held.
func (s *subscription) ackAround(n int) error {
	err := s.flush()
	kept := 0 // they move to the front
	for i, d := range s.unacked[:n] {
		switch {
		case d.held:
			s.unacked[kept] = d
			kept++
		case kept > 0:
			err = errors.Join(err, s.ch.Ack(d.DeliveryTag, false))
		case s.unacked[i+1].held:
			err = errors.Join(err, s.ch.Ack(d.DeliveryTag, true))
		}
	}
	s.unacked = slices.Delete(s.unacked, kept, n)
	return err
}

// tell sends what is due. That fails only with the channel.
func (s *subscription) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.flush()
}

// flush is tell with mu held.
func (s *subscription) flush() error {
	if s.owed == 0 {
		return nil
	}
	s.owed = 0
	return s.ch.Ack(s.due, true)
}

// Reply is the promise of queue.Subscription.
func (s *subscription) Reply(ctx context.Context, to string, replies ...queue.Reply) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	body, err := queue.EncodeReplies(nil, replies...)
	if err != nil {
		return err
	}
	return s.stream.log.say(utterance{key: to, body: body})
}

// find gives the place of an unacknowledged entry, or where it would be.
func (s *subscription) find(tag uint64) (int, bool) {
	return slices.BinarySearchFunc(s.unacked, tag,
		func(d unacked, tag uint64) int { return cmp.Compare(d.DeliveryTag, tag) })
}

// DeadLetter is the promise of queue.Subscription. It keeps the properties and adds the headers of
// deadletters.go. What it holds meanwhile is bounded by the prefetch.
func (s *subscription) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	s.mu.Lock()
	var found unacked
	i, ok := s.find(d.Tag)
	if ok {
		if s.unacked[i].letter == "" {
			s.unacked[i].letter = letterID(s.queue, s.unacked[i].Delivery)
		}
		found = s.unacked[i]
	}
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("entry %d of %s was not delivered, or was acknowledged", d.Tag, s.queue)
	}
	// a part of it
	if whole, err := queue.Decode(found.Body); err == nil && d.Err == nil &&
		d.Entry.ID != whole.ID {
		body, err := queue.Encode(nil, d.Entry)
		if err != nil {
			return err
		}
		found.Body, found.MessageId = body, d.Entry.ID.String()
		found.letter = letterID(s.queue, found.Delivery)
	}
	return s.stream.deadLetter(ctx, s.queue, found, reason)
}

// Close is the promise of queue.Subscription. It may be called more than once. It sends what is
// acknowledged and closes the channel. It cancels no consumer before: the broker would make the
// next one active while entries are still out here.
func (s *subscription) Close() (err error) {
	s.close.Do(func() {
		close(s.closing)
		err = s.closeChannel()
	})
	<-s.pumped
	return err
}

func (s *subscription) closeChannel() error {
	cut := time.AfterFunc(s.stream.log.cfg.DialTimeout,
		func() { s.conn.kill(errors.New("closing a channel took too long")) })
	defer cut.Stop()
	s.tell()
	return s.ch.Close()
}

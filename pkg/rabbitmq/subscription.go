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

// subscription is a queue.Subscription: a channel of its own on the consuming connection.
type subscription struct {
	log        *Log
	conn       *conn
	ch         *amqp.Channel
	queue      string
	deliveries chan queue.Delivery // with room for all that may be unacknowledged: what came can be taken without waiting
	closing    chan struct{}
	close      sync.Once
	pumped     chan struct{} // closed when deliveries is

	mu  sync.Mutex
	odd map[uint64]amqp.Delivery // what could not be decoded, until it is acknowledged
}

// Subscribe is the promise of queue.Consumer. It makes the partition's queue if somebody deleted it.
func (l *Log) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	if err := l.check(partition); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, unavailable(context.Cause(ctx))
	}
	_, k, err := l.consuming.get()
	if err != nil {
		return nil, unavailable(err)
	}
	type result struct {
		sub *subscription
		err error
	}
	results := make(chan result)
	if !k.start(func() { // the client library's calls know no ctx
		sub, err := l.subscribe(k, partition)
		select {
		case results <- result{sub, err}:
		case <-ctx.Done():
			if sub != nil {
				_ = sub.Close()
			}
		}
	}) {
		return nil, unavailable(errLost)
	}
	select {
	case r := <-results:
		if _, ok := errors.AsType[mismatch](r.err); ok {
			return nil, r.err
		}
		if r.err != nil {
			return nil, unavailable(r.err)
		}
		return r.sub, nil
	case <-ctx.Done():
		return nil, unavailable(context.Cause(ctx))
	}
}

func (l *Log) subscribe(k *conn, partition int) (*subscription, error) {
	ch, err := k.Channel()
	if err != nil {
		return nil, err
	}
	s := &subscription{
		log: l, conn: k, ch: ch, queue: l.cfg.votesQueue(partition),
		deliveries: make(chan queue.Delivery, Prefetch), closing: make(chan struct{}), pumped: make(chan struct{}),
		odd: map[uint64]amqp.Delivery{},
	}
	if err := l.cfg.declareVotes(ch, partition); err != nil {
		return nil, s.give(err)
	}
	if err := ch.Qos(Prefetch, 0, false); err != nil {
		return nil, s.give(err)
	}
	from, err := ch.Consume(s.queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, s.give(err)
	}
	if !k.start(func() { s.pump(from) }) {
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
	for d := range from {
		select {
		case s.deliveries <- s.decode(d):
		case <-s.closing:
			return // the library forgets the rest when the channel is closed
		}
	}
}

func (s *subscription) decode(d amqp.Delivery) queue.Delivery {
	batch, err := queue.Decode(d.Body)
	if err == nil {
		return queue.Delivery{Tag: d.DeliveryTag, Batch: batch, ReplyTo: d.ReplyTo}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.odd[d.DeliveryTag] = d
	return queue.Delivery{Tag: d.DeliveryTag, ReplyTo: d.ReplyTo, Err: err, Raw: d.Body}
}

// Deliveries is the promise of queue.Subscription.
func (s *subscription) Deliveries() <-chan queue.Delivery { return s.deliveries }

// Ack is the promise of queue.Subscription.
func (s *subscription) Ack(tag uint64) error {
	s.mu.Lock()
	for odd := range s.odd {
		if odd <= tag {
			delete(s.odd, odd)
		}
	}
	s.mu.Unlock()
	return s.ch.Ack(tag, true)
}

// Reply is the promise of queue.Subscription.
func (s *subscription) Reply(ctx context.Context, to string, r queue.Reply) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.log.say(utterance{key: to, body: queue.EncodeReply(make([]byte, 0, 32+len(r.Verdicts)), r)})
}

// DeadLetter is the promise of queue.Subscription. It keeps the properties and adds headers: x-plenary-reason, -queue,
// -time, -delivery-tag and -redelivered.
func (s *subscription) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	s.mu.Lock()
	found, ok := s.odd[d.Tag]
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("entry %d of %s is not one that could not be decoded, or was acknowledged", d.Tag, s.queue)
	}
	return s.log.deadLetter(ctx, s.queue, found, reason)
}

// Close is the promise of queue.Subscription. It may be called more than once. It closes the channel and cancels no
// consumer before: the broker would make the next one active while entries are still out here.
func (s *subscription) Close() (err error) {
	s.close.Do(func() {
		close(s.closing)
		err = s.closeChannel()
	})
	<-s.pumped
	return err
}

func (s *subscription) closeChannel() error {
	cut := time.AfterFunc(s.log.cfg.DialTimeout, func() { s.conn.kill(errors.New("closing a channel took too long")) })
	defer cut.Stop()
	return s.ch.Close()
}

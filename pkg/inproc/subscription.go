package inproc

import (
	"context"
	"errors"
	"sync"

	"github.com/plenary-live/plenary/pkg/queue"
)

// replyTo is where the replies to every entry go: there is one publisher.
const replyTo = "inproc"

// deliveriesBuffer is how much can be taken without waiting, if it is there: a worker applies
// that in one transaction.
const deliveriesBuffer = 256

// subscription is a queue.Subscription.
type subscription struct {
	stream     *stream
	partition  *partition
	number     int // of the partition
	deliveries chan queue.Delivery
	closing    chan struct{}
	closeOnce  sync.Once
	pump       sync.WaitGroup
}

func (p *partition) subscribe(from *stream, number int) (queue.Subscription, error) {
	s := &subscription{
		stream: from, partition: p, number: number,
		deliveries: make(chan queue.Delivery, deliveriesBuffer), closing: make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, unavailable(errClosed, from.name)
	}
	p.subs = append(p.subs, s)
	s.pump.Go(s.deliver)
	return s, nil
}

func (s *subscription) deliver() {
	defer close(s.deliveries)
	for {
		e, found, wait, ok := s.partition.take(s)
		if !ok {
			return
		}
		if !found {
			select {
			case <-wait:
				continue
			case <-s.closing:
				return
			}
		}
		// What nobody reads before the subscription ends stays unacknowledged, so it comes again.
		select {
		case s.deliveries <- queue.Delivery{Tag: e.tag, Entry: e.Entry, ReplyTo: replyTo}:
		case <-s.closing:
			return
		}
	}
}

// Deliveries is the promise of queue.Subscription.
func (s *subscription) Deliveries() <-chan queue.Delivery { return s.deliveries }

// Hold is the promise of queue.Subscription.
func (s *subscription) Hold(tag uint64) { s.partition.hold(s, tag) }

// Ack is the promise of queue.Subscription; it confirms what it acknowledges to the publisher.
func (s *subscription) Ack(tag uint64) error { return s.partition.ack(s, tag) }

// Reply is the promise of queue.Subscription.
func (s *subscription) Reply(_ context.Context, to string, replies ...queue.Reply) error {
	if to != replyTo {
		return errors.New("there is no publisher " + to)
	}
	for _, r := range replies {
		if err := s.stream.reply(r); err != nil {
			return err
		}
	}
	return nil
}

// DeadLetter is the promise of queue.Subscription. The publisher, who waits, is told. Of a part
// of an entry it is told by the reply.
func (s *subscription) DeadLetter(_ context.Context, d queue.Delivery, reason string) error {
	found, err := s.partition.refuse(s, d, reason)
	if err != nil {
		return err
	}
	return s.stream.dead.keep(s.stream.name, s.number, found, d.Entry, reason)
}

// Close is the promise of queue.Subscription. It may be called more than once.
func (s *subscription) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	s.pump.Wait()
	s.partition.leave(s)
	return nil
}

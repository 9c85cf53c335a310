package rabbitmq

import (
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	// what waits for this process in the broker, of replies and of the bus each
	ownQueueLength = 10_000
	ownPrefetch    = 500 // and of that, what waits in the client library, or is not acknowledged
	// Acknowledging each message would cost the broker and us as much as the message.
	ackEvery = 50 // messages
	// at the latest: the broker gives up a channel that owes it one for half an hour
	// (consumer_timeout)
	ackAfter = 10 * time.Second
)

// reception is the session of the consuming connection.
type reception struct {
	conn    *conn
	replies []string // the queues of this process's replies, by the stream's place

	mu       sync.Mutex
	attached bool // the bus is being listened to
}

func (l *Log) openReception(k *conn) (*reception, error) {
	r := &reception{conn: k}
	for _, s := range l.streams {
		name, err := s.receive(k)
		if err != nil {
			return nil, err
		}
		r.replies = append(r.replies, name)
	}
	return r, nil
}

// receive makes a queue for the stream's replies, takes what comes in it, and gives its name.
func (s *stream) receive(k *conn) (string, error) {
	ch, err := k.vital()
	if err != nil {
		return "", err
	}
	name, err := declareOwn(ch, ownQueueLength)
	if err != nil {
		return "", fmt.Errorf("make the queue of replies: %w", err)
	}
	return name, k.consume(ch, name, func(d amqp.Delivery) {
		replies, err := queue.DecodeReplies(d.Body)
		if err != nil {
			s.log.cfg.Logger.Debug("rabbitmq: replies are ignored", "error", err)
			return
		}
		for _, reply := range replies {
			select {
			case s.replies <- reply:
			case <-k.lost:
			}
		}
	})
}

// consume hands the messages of an own queue to take, one after the other. The connection cannot do
// without the queue: when it ends, the connection does.
func (k *conn) consume(ch *amqp.Channel, name string, take func(amqp.Delivery)) error {
	if err := ch.Qos(ownPrefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(name, "", false, true, false, false, nil)
	if err != nil {
		return err
	}
	if !k.start(func() {
		ticker := time.NewTicker(ackAfter)
		defer ticker.Stop()
		var last, acked uint64
		ack := func() {
			if last > acked {
				_ = ch.Ack(last, true) // fails only with the connection
				acked = last
			}
		}
		for open := true; open; {
			select {
			case d, ok := <-deliveries:
				if open = ok; !ok {
					break
				}
				take(d)
				if last = d.DeliveryTag; last-acked >= ackEvery {
					ack()
				}
			case <-ticker.C:
				ack()
			}
		}
		if !k.IsClosed() {
			k.kill(fmt.Errorf("queue %s was deleted", name))
		}
	}) {
		return errLost
	}
	return nil
}

// replyTo is where replies to this process go at the moment; empty: nowhere.
func (s *stream) replyTo() string {
	r, _, err := s.log.consuming.get()
	if err != nil {
		return ""
	}
	return r.replies[s.place]
}

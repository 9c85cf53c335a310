package rabbitmq

import (
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	ownQueueLength = 10_000 // what waits for this process in the broker, of replies and of the bus each
	ownPrefetch    = 500    // and of that, what waits in the client library, or is not acknowledged
	// Acknowledging each message would cost the broker and us as much as the message.
	ackEvery = 50               // messages
	ackAfter = 10 * time.Second // at the latest: the broker gives up a channel that owes it one for half an hour (consumer_timeout)
)

// reception is the session of the consuming connection.
type reception struct {
	conn    *conn
	replies string // the queue of this process's replies

	mu       sync.Mutex
	attached bool // the bus is being listened to
}

func (l *Log) openReception(k *conn) (*reception, error) {
	ch, err := k.vital()
	if err != nil {
		return nil, err
	}
	r := &reception{conn: k}
	if r.replies, err = declareOwn(ch, ownQueueLength); err != nil {
		return nil, fmt.Errorf("make the queue of replies: %w", err)
	}
	return r, k.consume(ch, r.replies, func(d amqp.Delivery) {
		replies, err := queue.DecodeReplies(d.Body)
		if err != nil {
			l.cfg.Logger.Debug("rabbitmq: replies are ignored", "error", err)
			return
		}
		for _, reply := range replies {
			select {
			case l.replies <- reply:
			case <-k.lost:
			}
		}
	})
}

// consume hands the messages of an own queue to take, one after the other. The connection cannot do without the
// queue: when it ends, the connection does.
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
func (l *Log) replyTo() string {
	r, _, err := l.consuming.get()
	if err != nil {
		return ""
	}
	return r.replies
}

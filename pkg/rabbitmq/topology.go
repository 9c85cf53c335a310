package rabbitmq

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// deliveryLimit is how often an entry may be delivered again: always. RabbitMQ 4 drops after 20
// times unless told. RabbitMQ 3.10 knows no "unlimited" and takes -1 for 0. So it is a number that
// no entry reaches.
const deliveryLimit = 1_000_000_000

// first is the stream that was there before there were several.
const first = "votes"

func (c Config) partitionQueue(stream string, partition int) string {
	return fmt.Sprintf("%s.%s.%d", c.Prefix, stream, partition)
}

// deadQueue names the queue of a stream's dead letters. The first stream's has an older name.
func (c Config) deadQueue(stream string) string {
	if stream == first {
		return c.Prefix + ".dead"
	}
	return c.Prefix + "." + stream + ".dead"
}

func (c Config) busExchange() string { return c.Prefix + ".bus" }

// mismatch is an error that trying again does not mend.
type mismatch struct{ error }

func (e mismatch) Unwrap() error { return e.error }

// declarePartition makes sure that a partition's queue is there.
func (c Config) declarePartition(ch *amqp.Channel, stream string, partition int) error {
	return declare(ch, c.partitionQueue(stream, partition), amqp.Table{
		"x-queue-type":             "quorum",
		"x-queue-leader-locator":   "balanced",
		"x-single-active-consumer": true,
		"x-delivery-limit":         int64(deliveryLimit),
		"x-max-length-bytes":       c.MaxQueueBytes,
		"x-overflow":               "reject-publish",
	})
}

// declareDead makes sure that the queue of a stream's entries that were set aside is there. It has
// no bound: what is in it is there to be looked at.
func (c Config) declareDead(ch *amqp.Channel, stream string) error {
	return declare(ch, c.deadQueue(stream), amqp.Table{
		"x-queue-type":     "quorum",
		"x-delivery-limit": int64(deliveryLimit),
	})
}

func declare(ch *amqp.Channel, name string, args amqp.Table) error {
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	return explain(err, "queue", name)
}

// declareBus makes sure that the exchange of the bus is there.
func (c Config) declareBus(ch *amqp.Channel) error {
	return explain(ch.ExchangeDeclare(c.busExchange(), amqp.ExchangeFanout, true, false, false,
		false, nil), "exchange", c.busExchange())
}

func explain(err error, kind, name string) error {
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.PreconditionFailed {
		return mismatch{fmt.Errorf(
			"the %s %q is there with other properties than these settings ask for: set them as "+
				"before, "+
				"or let it run empty, delete it and start again (%w)", kind, name, err)}
	}
	if err != nil {
		return fmt.Errorf("declare the %s %q: %w", kind, name, err)
	}
	return nil
}

// declareOwn makes a queue that belongs to this connection and ends with it. It has no name of its
// own: a fixed one would be locked by a dead connection until the broker notices. Full, it forgets
// its oldest messages.
func declareOwn(ch *amqp.Channel, length int) (string, error) {
	q, err := ch.QueueDeclare("", false, true, true, false, amqp.Table{
		// whatever the virtual host's default is: only classic queues can be exclusive
		"x-queue-type": "classic",
		"x-max-length": int64(length),
		"x-overflow":   "drop-head",
	})
	return q.Name, err
}

package rabbitmq_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/bus/bustest"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/queue/queuetest"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stack.Main(m), stack.Goroutines()) }

// log is a log, and its first stream.
type log struct {
	*rabbitmq.Log
	queue.Stream
}

// open opens a log that says in the test's output what happens to it.
func open(t testing.TB, c rabbitmq.Config) log {
	t.Helper()
	c.Streams = queuetest.Streams
	if c.Partitions == 0 {
		c.Partitions = queuetest.Partitions
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if c.Settle == 0 {
		c.Settle = time.Nanosecond // nobody kills the shared broker
	}
	c.MaxBackoff = 200 * time.Millisecond // of patience there is enough elsewhere
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := rabbitmq.Open(ctx, c)
	require.NoError(t, err)
	stream, err := l.Stream(queuetest.Streams[0])
	require.NoError(t, err)
	return log{l, stream}
}

// raw opens a channel for what a Log does not do.
func raw(t testing.TB, url string, do func(*amqp.Channel)) {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	do(ch)
}

func TestTheLogKeepsThePromisesOfThePort(t *testing.T) {
	caps := queuetest.Capabilities{Durable: true, Open: true, Remote: true}
	queuetest.Run(t, caps, func(t *testing.T) queuetest.Env {
		direct := stack.RabbitMQURL(t)
		p := newProxy(t, direct)
		return queuetest.Env{
			Open: func(tb testing.TB) queue.Log {
				return open(tb,
					rabbitmq.Config{URLs: []string{p.url}}).Log
			},
			OpenSmall: func(tb testing.TB) queue.Log {
				return open(tb, rabbitmq.Config{URLs: []string{p.url}, Prefix: "small",
					MaxQueueBytes: 1 << 20}).Log
			},
			Inject: func(tb testing.TB, partition int, messageID string, body []byte) {
				raw(tb, direct, func(ch *amqp.Channel) {
					require.NoError(tb, ch.Confirm(false))
					d, err := ch.PublishWithDeferredConfirm("", votesQueue(partition), true, false,
						amqp.Publishing{DeliveryMode: amqp.Persistent,
							MessageId: messageID, Body: body})
					require.NoError(tb, err)
					acked, err := d.WaitContext(tb.Context())
					require.NoError(tb, err)
					require.True(tb, acked)
				})
			},
			DeadLetters: func(tb testing.TB) (letters []queuetest.DeadLetter) {
				for _, d := range deadLetters(tb, direct) {
					letters = append(letters, queuetest.DeadLetter{
						MessageID: d.MessageId, Reason: d.Headers["x-plenary-reason"].(string),
						Raw: d.Body,
					})
				}
				return letters
			},
			Stall: p.Stall,
			Cut:   p.Cut,
			Delete: func(tb testing.TB, partition int) {
				raw(tb, direct, func(ch *amqp.Channel) {
					_, err := ch.QueueDelete(votesQueue(partition), false, false, false)
					require.NoError(tb, err)
				})
			},
		}
	}, stack.Goroutines())
}

func TestTheBusKeepsThePromisesOfThePort(t *testing.T) {
	bustest.Run(t, bustest.Capabilities{Shared: true, Remote: true},
		func(t *testing.T) bustest.Env {
			p := newProxy(t, stack.RabbitMQURL(t))
			return bustest.Env{
				Open: func(tb testing.TB) bus.Bus {
					l := open(tb, rabbitmq.Config{URLs: []string{p.url}, Partitions: 1})
					tb.Cleanup(func() { require.NoError(tb, l.Close()) })
					return l.Bus()
				},
				Cut: p.Cut,
			}
		}, stack.Goroutines())
}

func TestTheQueuesOfVotesAreThoseOfEveryVersionAndOthersFollowTheSamePattern(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}})
	defer l.Close()
	raw(t, url, func(ch *amqp.Channel) {
		for _, name := range []string{
			"plenary.votes.0", "plenary.votes.2", "plenary.dead", "plenary.others.0",
			"plenary.others.2", "plenary.others.dead",
		} {
			_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			require.NoError(t, err, name)
		}
		require.NoError(t, ch.ExchangeDeclarePassive("plenary.bus", amqp.ExchangeFanout, true,
			false, false, false, nil))
	})
	id := uuid.UUID{15: 1}
	require.NoError(t, l.Publish(t.Context(), 1, queue.Entry{ID: id, Type: 2, Body: []byte("body")},
		func(error) {}))
	raw(t, url, func(ch *amqp.Channel) {
		from, err := ch.Consume("plenary.votes.1", "", false, false, false, false, nil)
		require.NoError(t, err)
		d := receive(t, from)
		require.Equal(t, "PLN\x01\x02"+string(id[:])+"body", string(d.Body))
		require.Equal(t, []string{"application/vnd.plenary.batch", id.String()},
			[]string{d.ContentType, d.MessageId})
		require.NoError(t, ch.Publish("", d.ReplyTo, false, false,
			amqp.Publishing{Body: []byte("PLR\x01" + string(id[:]) + "\x00\x02\x01\x03")}))
	})
	require.Equal(t, queue.Reply{EntryID: id, Body: []byte{1, 3}}, receive(t, l.Replies()))
}

func votesQueue(partition int) string { return "plenary.votes." + string(rune('0'+partition)) }

func deadLetters(t testing.TB, url string) (found []amqp.Delivery) {
	raw(t, url, func(ch *amqp.Channel) {
		for {
			d, ok, err := ch.Get("plenary.dead", true)
			require.NoError(t, err)
			if !ok {
				return
			}
			found = append(found, d)
		}
	})
	return found
}

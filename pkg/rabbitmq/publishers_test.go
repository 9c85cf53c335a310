package rabbitmq_test

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

func TestAQueueThatAPublishHadToMakeSettlesFirst(t *testing.T) {
	const settle = 700 * time.Millisecond
	l := open(t, rabbitmq.Config{URLs: []string{stack.RabbitMQURL(t)}, Settle: settle})
	defer l.Close()
	begun := time.Now()
	require.NoError(t, l.Publish(t.Context(), 7, numbered(1), func(error) {}))
	require.GreaterOrEqual(t, time.Since(begun), settle)

	short, cancel := context.WithTimeout(t.Context(), settle/7)
	defer cancel()
	err := l.Publish(short, 8, numbered(2), func(error) { t.Error("confirmed") })
	require.ErrorIs(t, err, queue.ErrRefused)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	err = l.Publish(t.Context(), 8, numbered(3), func(error) {})
	require.NoError(t, err, "it settles all the same")
	sub, err := l.Subscribe(t.Context(), 8)
	require.NoError(t, err)
	require.EqualValues(t, 3, numberOf(receive(t, sub.Deliveries()).Entry))
}

func TestAQueueWithOtherPropertiesRefusesAndHoldsUpNoOtherPartition(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}})
	defer l.Close()
	raw(t, url, func(ch *amqp.Channel) {
		_, err := ch.QueueDeclare(votesQueue(5), true, false, false, false, nil)
		require.NoError(t, err)
	})
	never := func(error) { t.Error("confirmed") }
	err := l.Publish(t.Context(), 5, numbered(1), never)
	require.ErrorIs(t, err, queue.ErrRefused)
	require.ErrorContains(t, err, `the queue "plenary.votes.5" is there with other properties`)
	require.NoError(t, l.Publish(t.Context(), 0, numbered(1), func(error) {}))
	require.NoError(t, l.Ping(t.Context()), "the connection stands")

	raw(t, url, func(ch *amqp.Channel) {
		_, err := ch.QueueDelete(votesQueue(5), false, false, false)
		require.NoError(t, err)
	})
	require.Eventually(t, func() bool { // once MaxBackoff is over
		return l.Publish(t.Context(), 5, numbered(1), func(error) {}) == nil
	}, 10*time.Second, 20*time.Millisecond)
}

package rabbitmq_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

func put(t testing.TB, url, queue string, messages ...amqp.Publishing) {
	raw(t, url, func(ch *amqp.Channel) {
		require.NoError(t, ch.Confirm(false))
		for _, m := range messages {
			d, err := ch.PublishWithDeferredConfirm("", queue, true, false, m)
			require.NoError(t, err)
			acked, err := d.WaitContext(t.Context())
			require.NoError(t, err)
			require.True(t, acked)
		}
	})
}

func dead(t testing.TB, l log, fate queue.Fate) (all []queue.DeadLetter, outcomes []error) {
	require.NoError(t, l.VisitDeadLetters(t.Context(), func(d queue.DeadLetter) queue.Fate {
		all = append(all, d)
		return fate
	}, func(_ queue.DeadLetter, err error) { outcomes = append(outcomes, err) }))
	return all, outcomes
}

func TestADeadLetterThatNobodyWroteOnIsShownUnderAnIDThatStays(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}})
	defer l.Close()
	body, err := queue.Encode(nil, numbered(1))
	require.NoError(t, err)
	put(t, url, "plenary.dead",
		amqp.Publishing{Body: body},
		amqp.Publishing{Body: []byte("junk")},
		amqp.Publishing{Body: []byte("junk"),
			Headers: amqp.Table{"x-plenary-queue": int32(7), "x-plenary-time": int32(12),
				"x-plenary-dead-letter": false}})
	first, _ := dead(t, l, queue.Keep)
	require.Len(t, first, 3)
	require.Equal(t, first[1], first[2], "they are alike, and an operator who means one means both")
	require.NotEqual(t, first[0].ID, first[1].ID)
	require.Equal(t, -1, first[0].Partition)
	require.Zero(t, first[0].Time)
	again, outcomes := dead(t, l, queue.Replay)
	require.Equal(t, first, again)
	require.ErrorContains(t, outcomes[2], `it comes from "", which is no partition of this log`)
}

func TestALetterIsReplayedWithItsPropertiesAndWithoutWhatWasWrittenOnIt(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}})
	defer l.Close()
	body, err := queue.Encode(nil, numbered(1))
	require.NoError(t, err)
	put(t, url, votesQueue(0),
		amqp.Publishing{Headers: amqp.Table{"theirs": "kept"}, ContentType: "c", Type: "t",
			MessageId: "m", Body: body})
	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := receive(t, sub.Deliveries())
	require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
	require.NoError(t, sub.Ack(d.Tag))
	require.NoError(t, sub.Close())
	letters, outcomes := dead(t, l, queue.Replay)
	require.Equal(t, []error{nil}, outcomes)
	raw(t, url, func(ch *amqp.Channel) {
		from, err := ch.Consume(votesQueue(0), "", false, false, false, false, nil)
		require.NoError(t, err)
		got := receive(t, from)
		require.Equal(t, []string{"c", "t", "m", string(body)},
			[]string{got.ContentType, got.Type, got.MessageId, string(got.Body)})
		require.Equal(t, amqp.Persistent, got.DeliveryMode)
		delete(got.Headers, "x-delivery-count")
		require.Contains(t, got.Headers, "x-plenary-replayed")
		delete(got.Headers, "x-plenary-replayed")
		require.Equal(t, amqp.Table{
			"theirs": "kept", "x-plenary-dead-letter": letters[0].ID,
			"x-plenary-first-time": letters[0].FirstTime.Format(time.RFC3339Nano),
		}, got.Headers)
	})
}

// A message that is returned is confirmed too, and what is set aside may have any message id, or
// none.
func TestEntriesThatShareAMessageIDAreToldApartWhenNothingTakesThem(t *testing.T) {
	url := stack.RabbitMQURL(t)
	const partitions, each = 16, 20
	l := open(t, rabbitmq.Config{URLs: []string{url}, Partitions: partitions})
	defer l.Close()
	raw(t, url, func(ch *amqp.Channel) {
		_, err := ch.QueueDelete("plenary.dead", false, false, false)
		require.NoError(t, err)
	})
	outcomes, begin := make(chan error, partitions*each), make(chan struct{})
	for p := range partitions {
		name := fmt.Sprintf("plenary.votes.%d", p)
		put(t, url, name, slices.Repeat([]amqp.Publishing{{Body: []byte("junk")}}, each)...)
		sub, err := l.Subscribe(t.Context(), p)
		require.NoError(t, err)
		defer sub.Close()
		go func() {
			<-begin
			for range each {
				outcomes <- sub.DeadLetter(t.Context(), <-sub.Deliveries(), "why")
			}
		}()
	}
	close(begin)
	for range partitions * each {
		require.ErrorIs(t, receive(t, outcomes), queue.ErrRefused)
	}
	n, err := l.CountDeadLetters(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	put(t, url, "plenary.dead", amqp.Publishing{}) // counting has made it again
}

package rivals

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/lib/pq"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	queueName = "plenary.rival"
	channels  = 8    // that publish, on a connection of their own each two
	prefetch  = 2000 // messages in the worker's hands, and so the size of its transactions
	linger    = 5 * time.Millisecond
)

func dial() (*amqp.Connection, error) {
	url, _, _ := strings.Cut(os.Getenv("PLENARY_AMQP_URL"), ",")
	return amqp.Dial(url)
}

func declare(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(queueName, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	return err
}

// message publishes each vote as a persistent message to a quorum queue and answers when the broker has confirmed it.
func message(ctx context.Context) error {
	var publishers []*amqp.Channel
	for range channels / 2 {
		conn, err := dial()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		for range 2 {
			ch, err := conn.Channel()
			if err != nil {
				return err
			}
			if err := errors.Join(declare(ch), ch.Confirm(false)); err != nil {
				return err
			}
			publishers = append(publishers, ch)
		}
	}
	var turn atomic.Uint64
	return serve(ctx, func(ctx context.Context, v vote) error {
		body, err := json.Marshal(v)
		if err != nil {
			return err
		}
		ch := publishers[turn.Add(1)%uint64(len(publishers))]
		confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queueName, false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, ContentType: "application/json", Body: body})
		if err != nil {
			return err
		}
		if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
			return errors.Join(errors.New("not confirmed"), err)
		}
		return nil
	})
}

// counter counts what is delivered, all that is there in one transaction: a worker with a transaction per message
// would be the slower half of a transaction per vote.
func counter(ctx context.Context) error {
	db, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	conn, err := dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := errors.Join(declare(ch), ch.Qos(prefetch, 0, false)); err != nil {
		return err
	}
	deliveries, err := ch.Consume(queueName, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/readyz", func(c *fiber.Ctx) error { return c.SendString("ok") })
	ready := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	go func() { ready <- untilDone(ctx, app, os.Getenv("PLENARY_WORKER_ADDR")) }()
	err = consume(ctx, db, deliveries)
	stop()
	return errors.Join(err, <-ready)
}

func consume(ctx context.Context, db *sql.DB, deliveries <-chan amqp.Delivery) error {
	for {
		var batch []amqp.Delivery
		select {
		case <-ctx.Done():
			return nil
		case d, open := <-deliveries:
			if !open {
				return errors.New("the channel was closed")
			}
			batch = append(batch, d)
		}
		// The library hands messages over one by one: without a moment's wait a batch would be one message.
		full := time.After(linger)
	more:
		for len(batch) < prefetch {
			select {
			case d, open := <-deliveries:
				if !open {
					break more
				}
				batch = append(batch, d)
			case <-full:
				break more
			}
		}
		if err := countBatch(ctx, db, batch); err != nil {
			return err
		}
		if err := batch[len(batch)-1].Ack(true); err != nil {
			return err
		}
	}
}

func countBatch(ctx context.Context, db *sql.DB, batch []amqp.Delivery) error {
	polls, voters, answers := make([]string, len(batch)), make([]string, len(batch)), make([]string, len(batch))
	for i, d := range batch {
		var v vote
		if err := json.Unmarshal(d.Body, &v); err != nil {
			return err
		}
		polls[i], voters[i], answers[i] = v.PollID.String(), v.ClientID.String(), v.Key
	}
	// A message that comes again finds its row, and does not move the tally.
	_, err := db.ExecContext(ctx, `
		WITH fresh AS (
			INSERT INTO votes (poll_id, voter_id, answer)
			SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
			ON CONFLICT DO NOTHING RETURNING poll_id, answer)
		INSERT INTO tallies AS t (poll_id, answer, count) SELECT poll_id, answer, count(*) FROM fresh GROUP BY 1, 2
		ON CONFLICT (poll_id, answer) DO UPDATE SET count = t.count + excluded.count`,
		pq.Array(polls), pq.Array(voters), pq.Array(answers))
	return err
}

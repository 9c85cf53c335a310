package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	// outboxLength is how many replies and announcements may wait for the connection; more get lost.
	outboxLength = 1024
	// deadLetterTimeout bounds the wait for a dead letter's confirm.
	deadLetterTimeout = 10 * time.Second
)

// speech is the session of the speaking connection.
type speech struct {
	conn   *conn
	outbox chan utterance
	dead   *confirmer
}

// utterance is a transient message that may get lost.
type utterance struct {
	exchange, key string
	body          []byte
}

func (l *Log) openSpeech(k *conn) (*speech, error) {
	ch, err := k.vital()
	if err != nil {
		return nil, err
	}
	if err := l.cfg.declareBus(ch); err != nil {
		return nil, err
	}
	if err := l.cfg.declareDead(ch); err != nil {
		return nil, err
	}
	s := &speech{conn: k, outbox: make(chan utterance, outboxLength)}
	if s.dead, err = newConfirmer(k); err != nil {
		return nil, err
	}
	if !k.start(func() { s.write(ch) }) {
		return nil, errLost
	}
	return s, nil
}

func (s *speech) write(ch *amqp.Channel) {
	for {
		select {
		case u := <-s.outbox:
			if err := ch.Publish(u.exchange, u.key, false, false, amqp.Publishing{Body: u.body}); err != nil {
				s.conn.kill(err)
				return
			}
		case <-s.conn.lost:
			return
		}
	}
}

// say sends a message that may get lost. It never waits; an error says that it is lost.
func (l *Log) say(u utterance) error {
	s, k, err := l.speaking.get()
	if err != nil {
		return err
	}
	if why := k.blocked.Load(); why != nil {
		return errors.New("speaking connection: the broker takes no messages: " + *why)
	}
	select {
	case s.outbox <- u:
		return nil
	default:
		return errors.New("speaking connection: too much waits to be sent")
	}
}

// deadLetter keeps an entry as it was found, and what is known about it.
func (l *Log) deadLetter(ctx context.Context, from string, d amqp.Delivery, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, deadLetterTimeout)
	defer cancel()
	s, _, err := l.speaking.get()
	if err != nil {
		return unavailable(err)
	}
	headers := amqp.Table{}
	for k, v := range d.Headers {
		headers[k] = v
	}
	headers["x-plenary-reason"] = reason
	headers["x-plenary-queue"] = from
	headers["x-plenary-time"] = l.cfg.Now().UTC().Format(time.RFC3339Nano)
	headers["x-plenary-delivery-tag"] = int64(d.DeliveryTag)
	headers["x-plenary-redelivered"] = d.Redelivered
	kept := make(chan error, 1)
	err = s.dead.publish(ctx, l.cfg.deadQueue(), amqp.Publishing{ // no expiry, and no user id: the broker compares it with ours
		Headers: headers, DeliveryMode: amqp.Persistent,
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Priority: d.Priority, CorrelationId: d.CorrelationId,
		ReplyTo: d.ReplyTo, MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId,
		Body: d.Body,
	}, func(err error) { kept <- err })
	if err == nil {
		select {
		case err = <-kept:
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w", queue.ErrUnknown, context.Cause(ctx))
		}
	}
	if err != nil {
		return unavailable(fmt.Errorf("dead letter: %w", err))
	}
	return nil
}

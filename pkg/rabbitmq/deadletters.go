package rabbitmq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

// What is written on an entry that is set aside, beside its own properties and headers. Of these only the first time
// stays on one that is replayed.
const (
	headerID          = "x-plenary-dead-letter"
	headerReason      = "x-plenary-reason"
	headerQueue       = "x-plenary-queue"
	headerTime        = "x-plenary-time"
	headerFirstTime   = "x-plenary-first-time"
	headerTag         = "x-plenary-delivery-tag"
	headerRedelivered = "x-plenary-redelivered"

	headerReplayed = "x-plenary-replayed" // on an entry that was put back: when
)

const (
	// deadLetterTimeout bounds the wait for a dead letter's confirm.
	deadLetterTimeout = 10 * time.Second
	// replayBytes is how much of what shall be replayed is held back, to begin with the last.
	replayBytes = 64 << 20
)

// deadLetter keeps an entry as it was found, and what is known about it.
func (l *Log) deadLetter(ctx context.Context, from string, d amqp.Delivery, reason string) error {
	s, _, err := l.speaking.get()
	if err != nil {
		return unavailable(err)
	}
	headers := amqp.Table{}
	maps.Copy(headers, d.Headers)
	now := l.cfg.Now().UTC().Format(time.RFC3339Nano)
	if timeOf(headers, headerFirstTime).IsZero() {
		headers[headerFirstTime] = now
	}
	headers[headerID] = uuid.Must(uuid.NewV7()).String()
	headers[headerReason] = reason
	headers[headerQueue] = from
	headers[headerTime] = now
	headers[headerTag] = int64(d.DeliveryTag)
	headers[headerRedelivered] = d.Redelivered
	if err := s.dead.publishAndWait(ctx, l.cfg.deadQueue(), again(d, headers)); err != nil {
		return unavailable(fmt.Errorf("dead letter: %w", err))
	}
	return nil
}

// again makes a message of what was delivered; without an expiry, and without a user id, which the broker would compare
// with ours.
func again(d amqp.Delivery, headers amqp.Table) amqp.Publishing {
	return amqp.Publishing{
		Headers: headers, DeliveryMode: amqp.Persistent,
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Priority: d.Priority, CorrelationId: d.CorrelationId,
		ReplyTo: d.ReplyTo, MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId,
		Body: d.Body,
	}
}

// publishAndWait publishes and waits for the confirm. After a nil error the message is kept.
func (f *confirmer) publishAndWait(ctx context.Context, key string, msg amqp.Publishing) error {
	ctx, cancel := context.WithTimeout(ctx, deadLetterTimeout)
	defer cancel()
	kept := make(chan error, 1)
	if err := f.publish(ctx, key, msg, func(err error) { kept <- err }); err != nil {
		return err
	}
	select {
	case err := <-kept:
		return err
	case <-ctx.Done():
		return unknown(context.Cause(ctx))
	}
}

// CountDeadLetters is the promise of queue.DeadLetters. It makes the queue if somebody deleted it.
func (l *Log) CountDeadLetters(ctx context.Context) (int, error) {
	_, k, err := l.consuming.get()
	if err != nil {
		return 0, unavailable(err)
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan result, 1)
	if !k.start(func() { // the client library's calls know no ctx
		ch, err := k.Channel()
		if err != nil {
			results <- result{0, err}
			return
		}
		defer ch.Close()
		n, err := l.cfg.countDead(ch)
		results <- result{n, err}
	}) {
		return 0, unavailable(errLost)
	}
	select {
	case r := <-results:
		if r.err != nil {
			return 0, unavailable(r.err)
		}
		return r.n, nil
	case <-ctx.Done():
		return 0, unavailable(context.Cause(ctx))
	}
}

func (c Config) countDead(ch *amqp.Channel) (int, error) {
	if err := c.declareDead(ch); err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(c.deadQueue(), true, false, false, false, nil)
	return q.Messages, err
}

// VisitDeadLetters is the promise of queue.DeadLetters. AMQP has no way to look at a message without taking it, so all of
// them are taken, and what was not acknowledged is given back in order by a nack: RabbitMQ 3.10 returns what a closed
// channel held only some time after it said that it is closed, so that the next visit would miss it, and at the end
// of the queue.
func (l *Log) VisitDeadLetters(ctx context.Context, decide func(queue.DeadLetter) queue.Fate, done func(queue.DeadLetter, error)) (err error) {
	_, k, err := l.consuming.get()
	if err != nil {
		return unavailable(err)
	}
	ch, err := k.Channel()
	if err != nil {
		return unavailable(err)
	}
	defer func() {
		closeErr := errors.Join(ch.Nack(0, true, true), ch.Close()) // 0: all that are left
		if closeErr != nil && err == nil {                          // what was acknowledged is known to be only now
			err = unavailable(closeErr)
		}
	}()
	if err := l.cfg.declareDead(ch); err != nil {
		return unavailable(err)
	}
	var held []heldLetter // to be replayed
	size := 0
	for left, first := 1, true; left > 0; left-- {
		if ctx.Err() != nil {
			return unavailable(context.Cause(ctx))
		}
		d, ok, err := ch.Get(l.cfg.deadQueue(), false)
		if err != nil {
			return unavailable(err)
		}
		if !ok {
			break
		}
		if first { // no more than there are now: what is replayed may come back while we are at it
			left, first = left+int(d.MessageCount), false
		}
		letter := l.letter(d)
		switch decide(letter) {
		case queue.Replay:
			held, size = append(held, heldLetter{d, letter}), size+len(d.Body)
		case queue.Drop:
			done(letter, d.Ack(false))
		}
		if size > replayBytes {
			if err := l.replay(ctx, held, done); err != nil {
				return err
			}
			held, size = nil, 0
		}
	}
	return l.replay(ctx, held, done)
}

type heldLetter struct {
	amqp.Delivery
	letter queue.DeadLetter
}

// replay puts letters back, the last one first. Their order in the queue is another when some were set aside again.
func (l *Log) replay(ctx context.Context, held []heldLetter, done func(queue.DeadLetter, error)) error {
	slices.SortStableFunc(held, func(a, b heldLetter) int { return a.letter.FirstTime.Compare(b.letter.FirstTime) })
	for _, h := range slices.Backward(held) {
		if ctx.Err() != nil {
			return unavailable(context.Cause(ctx))
		}
		err := l.putBack(ctx, h)
		if err == nil {
			err = h.Ack(false)
		}
		done(h.letter, err)
	}
	return nil
}

// putBack writes a letter to its partition's log. After a nil error it is there.
func (l *Log) putBack(ctx context.Context, h heldLetter) error {
	if _, err := queue.Decode(h.Body); err != nil {
		return err
	}
	if h.letter.Partition < 0 {
		return fmt.Errorf("it comes from %q, which is no partition of this log", h.letter.Origin)
	}
	p, k, err := l.publishing.get()
	if err != nil {
		return unavailable(err)
	}
	if why := k.blocked.Load(); why != nil {
		return unavailable(errors.New("the broker takes no messages: " + *why))
	}
	headers := amqp.Table{}
	maps.Copy(headers, h.Headers)
	for _, name := range []string{headerReason, headerQueue, headerTime, headerTag, headerRedelivered, "x-delivery-count"} {
		delete(headers, name)
	}
	headers[headerReplayed] = l.cfg.Now().UTC().Format(time.RFC3339Nano)
	msg := again(h.Delivery, headers)
	msg.ReplyTo = l.replyTo() // whoever waited for its verdicts has given up
	return p.partitions[h.letter.Partition].publishAndWait(ctx, l.cfg.votesQueue(h.letter.Partition), msg)
}

// letter reads what was written on an entry. One that came some other way is shown too.
func (l *Log) letter(d amqp.Delivery) queue.DeadLetter {
	text := func(name string) string { s, _ := d.Headers[name].(string); return s }
	letter := queue.DeadLetter{
		ID: text(headerID), Reason: text(headerReason), Origin: text(headerQueue), Partition: -1,
		Time: timeOf(d.Headers, headerTime), FirstTime: timeOf(d.Headers, headerFirstTime),
		MessageID: d.MessageId, Raw: d.Body,
	}
	if letter.FirstTime.IsZero() {
		letter.FirstTime = letter.Time
	}
	for p := range l.cfg.Partitions {
		if l.cfg.votesQueue(p) == letter.Origin {
			letter.Partition = p
		}
	}
	if letter.ID == "" { // the same at every visit; what is alike in everything may share it
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", d.MessageId, letter.Origin, text(headerTime), d.Body))
		letter.ID = hex.EncodeToString(sum[:8])
	}
	return letter
}

// timeOf reads a time among headers; zero: there is none.
func timeOf(headers amqp.Table, name string) time.Time {
	s, _ := headers[name].(string)
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}

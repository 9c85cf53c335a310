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

// What is written on an entry that is set aside, beside its own properties and headers. Of these
// only the first time stays on one that is replayed.
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
	// replayTimeout bounds the wait for a replayed letter's confirm.
	replayTimeout = 10 * time.Second
	// replayBytes is how much of what shall be replayed is held back, to begin with the last.
	replayBytes = 64 << 20
)

// letterID gives the id under which an entry is set aside. If its publisher gave the entry an id,
// this one is the same whenever the entry is delivered. So an entry that was kept and comes again
// is known. Without the publisher's id, this one is made for this delivery. A replay gives the
// entry another.
func letterID(from string, d amqp.Delivery) string {
	if d.MessageId == "" {
		return uuid.Must(uuid.NewV7()).String()
	}
	return uuid.NewSHA1(uuid.Nil,
		fmt.Appendf(nil, "%q %q %q %q", from, d.MessageId, d.Headers[headerReplayed],
			d.Body)).String()
}

// deadLetter keeps an entry as it was found, and what is known about it. It waits for the confirm
// as long as the connection and ctx live. Under an alarm the broker takes the message later, and
// another try would only be another message.
func (s *stream) deadLetter(ctx context.Context, from string, d unacked, reason string) error {
	speech, k, err := s.log.speaking.get()
	if err != nil {
		return s.unavailable(err)
	}
	if why := k.blocked.Load(); why != nil {
		return s.unavailable(errors.New("the broker takes no messages: " + *why))
	}
	headers := amqp.Table{}
	maps.Copy(headers, d.Headers)
	now := s.log.cfg.Now().UTC().Format(time.RFC3339Nano)
	if timeOf(headers, headerFirstTime).IsZero() {
		headers[headerFirstTime] = now
	}
	headers[headerID] = d.letter
	headers[headerReason] = reason
	headers[headerQueue] = from
	headers[headerTime] = now
	headers[headerTag] = int64(d.DeliveryTag)
	headers[headerRedelivered] = d.Redelivered
	if err := speech.dead.publishAndWait(ctx, s.log.cfg.deadQueue(s.name),
		again(d.Delivery, headers)); err != nil {
		return s.unavailable(fmt.Errorf("dead letter: %w", err))
	}
	return nil
}

// again makes a message of what was delivered; without an expiry, and without a user id, which the
// broker would compare with ours.
func again(d amqp.Delivery, headers amqp.Table) amqp.Publishing {
	return amqp.Publishing{
		Headers: headers, DeliveryMode: amqp.Persistent,
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Priority: d.Priority,
		CorrelationId: d.CorrelationId,
		ReplyTo:       d.ReplyTo, MessageId: d.MessageId, Timestamp: d.Timestamp,
		Type: d.Type, AppId: d.AppId,
		Body: d.Body,
	}
}

// publishAndWait publishes and waits for the confirm. After a nil error the message is kept.
func (f *confirmer) publishAndWait(ctx context.Context, key string, msg amqp.Publishing) error {
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
func (s *stream) CountDeadLetters(ctx context.Context) (int, error) {
	_, k, err := s.log.consuming.get()
	if err != nil {
		return 0, s.unavailable(err)
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
		n, err := s.countDead(ch)
		results <- result{n, err}
	}) {
		return 0, s.unavailable(errLost)
	}
	select {
	case r := <-results:
		if r.err != nil {
			return 0, s.unavailable(r.err)
		}
		return r.n, nil
	case <-ctx.Done():
		return 0, s.unavailable(context.Cause(ctx))
	}
}

func (s *stream) countDead(ch *amqp.Channel) (int, error) {
	if err := s.log.cfg.declareDead(ch, s.name); err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(s.log.cfg.deadQueue(s.name), true, false, false, false, nil)
	return q.Messages, err
}

// VisitDeadLetters is the promise of queue.DeadLetters. AMQP has no way to look at a message
// without taking it, so all of them are taken. What was not acknowledged is given back in order by
// a nack. RabbitMQ 3.10 returns what a closed channel held only some time after it said that it is
// closed, and at the end of the queue. So the next visit would miss it.
func (s *stream) VisitDeadLetters(
	ctx context.Context, decide func(queue.DeadLetter) queue.Fate,
	done func(queue.DeadLetter, error),
) (err error) {
	_, k, err := s.log.consuming.get()
	if err != nil {
		return s.unavailable(err)
	}
	ch, err := k.Channel()
	if err != nil {
		return s.unavailable(err)
	}
	defer func() {
		closeErr := errors.Join(ch.Nack(0, true, true), ch.Close()) // 0: all that are left
		// what was acknowledged is known to be only now
		if closeErr != nil && err == nil {
			err = s.unavailable(closeErr)
		}
	}()
	if err := s.log.cfg.declareDead(ch, s.name); err != nil {
		return s.unavailable(err)
	}
	var held []*heldLetter // to be replayed
	size := 0
	seen := map[string]*heldLetter{}
	for left, first := 1, true; left > 0; left-- {
		if ctx.Err() != nil {
			return s.unavailable(context.Cause(ctx))
		}
		d, ok, err := ch.Get(s.log.cfg.deadQueue(s.name), false)
		if err != nil {
			return s.unavailable(err)
		}
		if !ok {
			break
		}
		if first { // no more than there are now: what is replayed may come back while we are at it
			left, first = left+int(d.MessageCount), false
		}
		letter := s.letter(d)
		if first := seen[letter.ID]; first != nil && !letter.Time.IsZero() { // kept twice
			err = first.twin(d)
			if err != nil {
				return s.unavailable(err)
			}
			continue
		}
		h := &heldLetter{Delivery: d, letter: letter, fate: decide(letter)}
		seen[letter.ID] = h
		switch h.fate {
		case queue.Replay:
			held, size = append(held, h), size+len(d.Body)
		case queue.Drop:
			err := d.Ack(false)
			h.gone = err == nil
			done(letter, err)
		}
		if h.fate != queue.Replay { // only the fate is needed: there may be any number
			h.Delivery, h.letter = amqp.Delivery{}, queue.DeadLetter{}
		}
		if size > replayBytes {
			if err := s.replay(ctx, held, done); err != nil {
				return err
			}
			held, size = nil, 0
		}
	}
	return s.replay(ctx, held, done)
}

// heldLetter is a letter whose fate is decided.
type heldLetter struct {
	amqp.Delivery
	letter queue.DeadLetter
	fate   queue.Fate
	gone   bool            // out of the queue
	twins  []amqp.Delivery // the same letter once more, to go when it has gone
}

// twin gives another copy of the letter its fate.
func (h *heldLetter) twin(d amqp.Delivery) error {
	switch {
	case h.gone:
		return d.Ack(false)
	case h.fate == queue.Replay:
		d.Body = nil
		h.twins = append(h.twins, d)
	}
	return nil
}

// leave takes the letter and its copies out of the queue.
func (h *heldLetter) leave() error {
	err := h.Ack(false)
	for _, d := range h.twins {
		err = errors.Join(err, d.Ack(false))
	}
	h.gone, h.twins = err == nil, nil
	return err
}

// replay puts letters back, the last one first. Their order in the queue is another when some were
// set aside again.
func (s *stream) replay(ctx context.Context, held []*heldLetter,
	done func(queue.DeadLetter, error)) error {
	slices.SortStableFunc(held,
		func(a, b *heldLetter) int { return a.letter.FirstTime.Compare(b.letter.FirstTime) })
	for _, h := range slices.Backward(held) {
		if ctx.Err() != nil {
			return s.unavailable(context.Cause(ctx))
		}
		err := s.putBack(ctx, h)
		if err == nil {
			err = h.leave()
		}
		done(h.letter, err)
		h.Body, h.letter = nil, queue.DeadLetter{}
	}
	return nil
}

// putBack writes a letter to its partition's log. After a nil error it is there.
func (s *stream) putBack(ctx context.Context, h *heldLetter) error {
	if _, err := queue.Decode(h.Body); err != nil {
		return err
	}
	if h.letter.Partition < 0 {
		return fmt.Errorf("it comes from %q, which is no partition of this log", h.letter.Origin)
	}
	p, k, err := s.log.publishing.get()
	if err != nil {
		return s.unavailable(err)
	}
	if why := k.blocked.Load(); why != nil {
		return s.unavailable(errors.New("the broker takes no messages: " + *why))
	}
	headers := amqp.Table{}
	maps.Copy(headers, h.Headers)
	for _, name := range []string{headerReason, headerQueue, headerTime, headerTag,
		headerRedelivered, "x-delivery-count"} {
		delete(headers, name)
	}
	headers[headerReplayed] = s.log.cfg.Now().UTC().Format(time.RFC3339Nano)
	msg := again(h.Delivery, headers)
	msg.ReplyTo = s.replyTo() // whoever waited for its reply has given up
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	f, err := p.confirmer(ctx, s, h.letter.Partition)
	if err != nil {
		return s.unavailable(err)
	}
	return f.publishAndWait(ctx, s.queue(h.letter.Partition), msg)
}

// letter reads what was written on an entry. One that came some other way is shown too.
func (s *stream) letter(d amqp.Delivery) queue.DeadLetter {
	text := func(name string) string { v, _ := d.Headers[name].(string); return v }
	letter := queue.DeadLetter{
		ID: text(headerID), Reason: text(headerReason), Origin: text(headerQueue),
		Partition: s.partitionOf(text(headerQueue)),
		Time:      timeOf(d.Headers, headerTime), FirstTime: timeOf(d.Headers, headerFirstTime),
		MessageID: d.MessageId, Raw: d.Body,
	}
	if letter.FirstTime.IsZero() {
		letter.FirstTime = letter.Time
	}
	if letter.ID == "" { // the same at every visit; what is alike in everything may share it
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", d.MessageId, letter.Origin,
			text(headerTime), d.Body))
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

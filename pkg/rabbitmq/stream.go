package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

// stream is a queue.Stream: queues of its own, on the connections of its log.
type stream struct {
	log     *Log
	name    string
	place   int // among the log's
	replies chan queue.Reply
}

// Publish is the promise of queue.Publisher. Entries that are published while the consuming
// connection is away name no place for replies.
func (s *stream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	if err := s.check(partition); err != nil {
		return err
	}
	body, err := queue.Encode(nil, e)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return refused(context.Cause(ctx))
	}
	p, k, err := s.log.publishing.get()
	if err != nil {
		return refused(err)
	}
	if why := k.blocked.Load(); why != nil {
		return refused(errors.New("the broker takes no messages: " + *why))
	}
	f, err := p.confirmer(ctx, s, partition)
	if err != nil {
		return refused(err)
	}
	return f.publish(ctx, s.queue(partition), amqp.Publishing{
		DeliveryMode: amqp.Persistent,
		ContentType:  contentType,
		MessageId:    e.ID.String(),
		ReplyTo:      s.replyTo(),
		Body:         body,
	}, confirmed)
}

// Replies is the promise of queue.Publisher.
func (s *stream) Replies() <-chan queue.Reply { return s.replies }

func (s *stream) queue(partition int) string { return s.log.cfg.partitionQueue(s.name, partition) }

func (s *stream) check(partition int) error {
	if partition < 0 || partition >= queue.MaxPartitions {
		return fmt.Errorf("there is no partition %d among %d", partition, queue.MaxPartitions)
	}
	return nil
}

// partitionOf gives the partition that has a queue of that name; -1: none of the stream has.
func (s *stream) partitionOf(name string) int {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '.')+1:])
	if err != nil || s.check(n) != nil || s.queue(n) != name {
		return -1
	}
	return n
}

// Package rabbitmq is the queue and the bus on RabbitMQ, 3.10 and later.
//
// Entries go to durable quorum queues with a single active consumer. Three connections keep
// publishing and consuming apart, since under an alarm the broker stops reading from connections
// that publish, acknowledgements included:
//
//	publishing  entries, confirmed
//	consuming   partitions, and what comes back: replies and the bus; never publishes
//	speaking    replies, announcements, dead letters
//
// Each is made again, with new channels and queues of its own, whenever it is lost. Nothing is ever published twice.
//
// RabbitMQ 3.10 makes the first consumer of a queue the active one; whoever subscribes spreads the partitions over
// processes, not this package.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	contentType   = "application/vnd.plenary.batch"
	repliesBuffer = 1024
	// consumingHeartbeat bounds how long the partitions of a process that is frozen or cut off wait for another: the broker
	// gives it up after three of them at most (measured: 9 s; with 5 s it took 15). Shorter would cost a process on a starved
	// machine its partitions for nothing.
	consumingHeartbeat = 3 * time.Second
)

// Log is a queue.Log on RabbitMQ. It is safe for use by many goroutines.
type Log struct {
	cfg     Config
	streams []*stream
	bus     *Bus
	made    time.Time // when a partition's queue was not there; for the publishing connection's set-up only

	publishing *link[*publishers]
	consuming  *link[*reception]
	speaking   *link[*speech]

	stop  context.CancelFunc
	wg    sync.WaitGroup
	close sync.Once
}

var _ queue.Log = (*Log)(nil)

// Open connects, makes sure that queues and exchange are there, and returns when the log works. While RabbitMQ is
// away it tries again until ctx ends, and then says what was wrong last. It fails at once where trying again would
// not help: a setting that cannot be, or a queue that is there with other properties; that one is left as it is.
//
// ctx bounds the opening only.
func Open(ctx context.Context, c Config) (*Log, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: c}
	for i, name := range c.Streams {
		l.streams = append(l.streams,
			&stream{log: l, name: name, place: i, replies: make(chan queue.Reply, repliesBuffer)})
	}
	l.bus = newBus(l)
	l.publishing = newLink("publishing", c, l.openPublishers)
	impatient := c
	impatient.Heartbeat = min(c.Heartbeat, consumingHeartbeat)
	l.consuming = newLink("consuming", impatient, l.openReception)
	l.consuming.up = l.bus.attachAgain
	l.speaking = newLink("speaking", c, l.openSpeech)
	var running context.Context
	running, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.wg.Go(func() { l.publishing.run(running) })
	l.wg.Go(func() { l.consuming.run(running) })
	l.wg.Go(func() { l.speaking.run(running) })
	// The order in which to wait decides which error a wrong queue gives: the first connection declares them all.
	for _, ready := range []func(context.Context) error{l.publishing.ready, l.consuming.ready, l.speaking.ready} {
		if err := ready(ctx); err != nil {
			_ = l.Close() // never fails
			return nil, fmt.Errorf("open RabbitMQ: %w", err)
		}
	}
	return l, nil
}

// publishers are the partitions' channels on the publishing connection, by the stream's place.
type publishers struct{ streams [][]*confirmer }

func (l *Log) openPublishers(k *conn) (*publishers, error) {
	p := &publishers{}
	for _, s := range l.streams {
		for i := range l.cfg.Partitions {
			there, err := k.has(l.cfg.partitionQueue(s.name, i))
			if err != nil {
				return p, err
			}
			if !there {
				l.made = time.Now()
			}
		}
	}
	ch, err := k.Channel()
	if err != nil {
		return p, err
	}
	for _, s := range l.streams {
		for i := range l.cfg.Partitions {
			if err := l.cfg.declarePartition(ch, s.name, i); err != nil {
				return p, err
			}
		}
		if err := l.cfg.declareDead(ch, s.name); err != nil {
			return p, err
		}
	}
	if err := ch.Close(); err != nil {
		return p, err
	}
	for range l.streams {
		var partitions []*confirmer
		for range l.cfg.Partitions {
			f, err := newConfirmer(k)
			if err != nil {
				return p, err
			}
			partitions = append(partitions, f)
		}
		p.streams = append(p.streams, partitions)
	}
	if !l.made.IsZero() { // a set-up that broke off waits for the rest
		select {
		case <-time.After(l.cfg.Settle - time.Since(l.made)):
		case <-k.lost:
		}
	}
	return p, nil
}

// has says whether a queue is there.
func (k *conn) has(name string) (bool, error) {
	ch, err := k.Channel()
	if err != nil {
		return false, err
	}
	_, err = ch.QueueDeclarePassive(name, true, false, false, false, nil)
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.NotFound { // which has closed the channel
		return false, nil
	}
	return err == nil, errors.Join(err, ch.Close())
}

// Stream is the promise of queue.Log.
func (l *Log) Stream(name string) (queue.Stream, error) {
	for _, s := range l.streams {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("the log was opened without a stream %q", name)
}

// Bus gives the bus, which lives on the log's connections: closing the log closes it too.
func (l *Log) Bus() *Bus { return l.bus }

// Ping tells which connections are away, and whether the broker takes no entries. It asks nobody: a
// connection that died silently is noticed by its heartbeat.
func (l *Log) Ping(ctx context.Context) error {
	_, k, err := l.publishing.get()
	if err == nil {
		if why := k.blocked.Load(); why != nil {
			err = fmt.Errorf("publishing connection: the broker takes no messages: %s", *why)
		}
	}
	_, _, err2 := l.consuming.get()
	_, _, err3 := l.speaking.get()
	if err := errors.Join(err, err2, err3, ctx.Err()); err != nil {
		return unavailable(err, l.cfg.Streams...)
	}
	return nil
}

// unavailable says that the log is away of a stream, or of several.
func unavailable(cause error, streams ...string) error {
	return fault.Unavailablef(cause, "the log of %s is away", strings.Join(streams, ", "))
}

func (s *stream) unavailable(cause error) error { return unavailable(cause, s.name) }

// Close is the promise of queue.Log. It may be called more than once and always returns nil.
func (l *Log) Close() error {
	l.close.Do(func() {
		l.stop()
		l.wg.Wait()
		l.bus.fanout.Close()
		for _, s := range l.streams {
			close(s.replies)
		}
	})
	return nil
}

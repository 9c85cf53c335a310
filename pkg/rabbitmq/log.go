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
// Each is made again, with new channels and queues of its own, whenever it is lost. Nothing is ever
// published twice.
//
// RabbitMQ 3.10 makes the first consumer of a queue the active one; whoever subscribes spreads the
// partitions over processes, not this package.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	contentType   = "application/vnd.plenary.batch"
	repliesBuffer = 1024
	// consumingHeartbeat bounds how long the partitions of a process that is frozen or cut off
	// wait for another. The broker gives the process up after three heartbeats at most (measured:
	// 9 s; with 5 s it took 15). Shorter would cost a process on a starved machine its partitions
	// for nothing.
	consumingHeartbeat = 3 * time.Second
)

// Log is a queue.Log on RabbitMQ. It is safe for use by many goroutines.
type Log struct {
	cfg     Config
	streams []*stream
	bus     *Bus
	made    sync.Map // queue name → time.Time: when a partition's queue was not there

	publishing *link[*publishers]
	consuming  *link[*reception]
	speaking   *link[*speech]

	stop  context.CancelFunc
	wg    sync.WaitGroup
	close sync.Once
}

var _ queue.Log = (*Log)(nil)

// Open connects, makes sure that queues and exchange are there, and returns when the log works.
// While RabbitMQ is away it tries again until ctx ends, and then says what was wrong last. Where
// trying again would not help, it fails at once: at a setting that cannot be, or a queue that is
// there with other properties. That queue is left as it is.
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
	// The order in which to wait decides which error a wrong queue gives: the first connection
	// declares them all.
	for _, ready := range []func(context.Context) error{l.publishing.ready, l.consuming.ready,
		l.speaking.ready} {
		if err := ready(ctx); err != nil {
			_ = l.Close() // never fails
			return nil, fmt.Errorf("open RabbitMQ: %w", err)
		}
	}
	return l, nil
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

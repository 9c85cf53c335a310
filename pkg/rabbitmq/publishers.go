package rabbitmq

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// publishers is the session of the publishing connection: a channel for each partition that
// somebody named.
type publishers struct {
	log  *Log
	conn *conn

	mu    sync.Mutex
	doors map[place]*door
}

// place is a partition of a stream, which has a place among the log's.
type place struct{ stream, partition int }

// door is where a partition is published to.
type door struct {
	opened    chan struct{} // closed when the following are there
	confirmer *confirmer
	err       error // why there is none
	at        time.Time
}

// openPublishers opens the partitions that are known at the start.
func (l *Log) openPublishers(k *conn) (*publishers, error) {
	p := &publishers{log: l, conn: k, doors: map[place]*door{}}
	ch, err := k.Channel()
	if err != nil {
		return p, err
	}
	for _, s := range l.streams {
		for i := range l.cfg.Partitions {
			if err := l.prepare(k, ch, s, i); err != nil {
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
	for _, s := range l.streams {
		for i := range l.cfg.Partitions {
			d := &door{opened: make(chan struct{})}
			if d.confirmer, err = newConfirmer(k); err != nil {
				return p, err
			}
			close(d.opened)
			p.doors[place{s.place, i}] = d
		}
	}
	for _, s := range l.streams {
		for i := range l.cfg.Partitions {
			l.settle(k, s, i)
		}
	}
	return p, nil
}

// confirmer gives the channel of a partition, and opens it when the partition is named first. A
// queue that is not there is made, and settles. What fails is tried again after MaxBackoff.
func (p *publishers) confirmer(ctx context.Context, s *stream, partition int) (*confirmer, error) {
	at := place{s.place, partition}
	p.mu.Lock()
	d := p.doors[at]
	if d == nil || d.failed(p.log.cfg.MaxBackoff) {
		d = &door{opened: make(chan struct{})}
		p.doors[at] = d
		if !p.conn.start(func() { p.open(d, s, partition) }) {
			d.err = errLost
			close(d.opened)
		}
	}
	p.mu.Unlock()
	select {
	case <-d.opened:
		return d.confirmer, d.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// failed says whether a door could not be opened, and that is so long ago.
func (d *door) failed(ago time.Duration) bool {
	select {
	case <-d.opened:
		return d.err != nil && time.Since(d.at) > ago
	default:
		return false
	}
}

func (p *publishers) open(d *door, s *stream, partition int) {
	defer close(d.opened)
	if d.err = p.prepare(s, partition); d.err == nil {
		d.confirmer, d.err = newConfirmer(p.conn)
	}
	if d.at = time.Now(); d.err != nil {
		p.log.cfg.Logger.Warn("rabbitmq: a partition takes no entries",
			"queue", s.queue(partition), "error", d.err)
		return
	}
	p.log.settle(p.conn, s, partition)
}

func (p *publishers) prepare(s *stream, partition int) error {
	ch, err := p.conn.Channel()
	if err != nil {
		return err
	}
	if err := p.log.prepare(p.conn, ch, s, partition); err != nil {
		return err
	}
	return ch.Close()
}

// prepare makes sure that a partition's queue is there, and takes note if it has to make it.
func (l *Log) prepare(k *conn, ch *amqp.Channel, s *stream, partition int) error {
	there, err := k.has(s.queue(partition))
	if err != nil {
		return err
	}
	if !there {
		l.made.Store(s.queue(partition), time.Now())
	}
	return l.cfg.declarePartition(ch, s.name, partition)
}

// settle waits until a queue that had to be made may be used. After a set-up that broke off it
// waits for the rest.
func (l *Log) settle(k *conn, s *stream, partition int) {
	made, ok := l.made.Load(s.queue(partition))
	if !ok {
		return
	}
	select {
	case <-time.After(l.cfg.Settle - time.Since(made.(time.Time))):
	case <-k.lost:
	}
}

// has says whether a queue is there.
func (k *conn) has(name string) (bool, error) {
	ch, err := k.Channel()
	if err != nil {
		return false, err
	}
	_, err = ch.QueueDeclarePassive(name, true, false, false, false, nil)
	// which has closed the channel
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.NotFound {
		return false, nil
	}
	return err == nil, errors.Join(err, ch.Close())
}

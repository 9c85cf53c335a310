// Package inproc is the queue and the bus of a process that runs alone, in memory. Its log survives nothing, so it
// confirms a batch only when the consumer acknowledged it, which the worker does after the commit: what was
// confirmed is counted and needs no log any more.
package inproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Limits of a partition's log when Config says nothing, and of the replies that wait to be read.
const (
	DefaultMaxBatches = 4096
	DefaultMaxBytes   = 64 << 20
	repliesBuffer     = 1024
)

// Config sets the size of a log. What does not fit is refused.
type Config struct {
	Partitions int // at least 1
	MaxBatches int // unacknowledged batches per partition; 0: DefaultMaxBatches
	MaxBytes   int // and their size in memory, about; 0: DefaultMaxBytes
}

// Log is a queue.Log in memory. It is safe for use by many goroutines. Beyond the port it says: confirmed is
// called when the batch was acknowledged, by the goroutine that acknowledges it.
type Log struct {
	partitions []*partition

	mu      sync.Mutex // guards closed, and replies against being closed during a send
	closed  bool
	replies chan queue.Reply
}

var _ queue.Log = (*Log)(nil)

// Open makes a log. Other logs, of this process or another, see nothing of it.
func Open(c Config) (*Log, error) {
	if c.Partitions < 1 || c.MaxBatches < 0 || c.MaxBytes < 0 {
		return nil, fmt.Errorf("an in-process log of %d partitions, %d batches and %d bytes cannot be", c.Partitions, c.MaxBatches, c.MaxBytes)
	}
	if c.MaxBatches == 0 {
		c.MaxBatches = DefaultMaxBatches
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	l := &Log{replies: make(chan queue.Reply, repliesBuffer)}
	for range c.Partitions {
		l.partitions = append(l.partitions, newPartition(c.MaxBatches, c.MaxBytes))
	}
	return l, nil
}

// Publish is the promise of queue.Publisher. It never waits: what does not fit is refused at once.
func (l *Log) Publish(ctx context.Context, partition int, b poll.Batch, confirmed func(error)) error {
	p, err := l.partition(partition)
	if err != nil {
		return err
	}
	if (b.Seal == nil) == (len(b.Votes) == 0) || len(b.Votes) > queue.MaxVotes {
		return fmt.Errorf("a batch holds 1 to %d votes or one seal", queue.MaxVotes)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrRefused, err)
	}
	return p.append(own(b), confirmed)
}

// own copies what the publisher may use again once the batch is confirmed, while a consumer still looks at it.
func own(b poll.Batch) poll.Batch {
	b.Votes = slices.Clone(b.Votes)
	if b.Seal != nil {
		seal := *b.Seal
		b.Seal = &seal
	}
	return b
}

// Replies is the promise of queue.Publisher.
func (l *Log) Replies() <-chan queue.Reply { return l.replies }

// reply hands over a reply, or loses it when nobody reads.
func (l *Log) reply(r queue.Reply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	select {
	case l.replies <- r:
		return nil
	default:
		return errors.New("the reader of the replies is too slow")
	}
}

// Subscribe is the promise of queue.Consumer.
func (l *Log) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	p, err := l.partition(partition)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	return p.subscribe(l)
}

func (l *Log) partition(n int) (*partition, error) {
	if n < 0 || n >= len(l.partitions) {
		return nil, fmt.Errorf("there is no partition %d among %d", n, len(l.partitions))
	}
	return l.partitions[n], nil
}

// CountDeadLetters is the promise of queue.DeadLetters: there are none.
func (l *Log) CountDeadLetters(ctx context.Context) (int, error) { return 0, l.Ping(ctx) }

// VisitDeadLetters is the promise of queue.DeadLetters: there are none.
func (l *Log) VisitDeadLetters(ctx context.Context, _ func(queue.DeadLetter) queue.Fate, _ func(queue.DeadLetter, error)) error {
	return l.Ping(ctx)
}

// Ping tells whether the log is open.
func (l *Log) Ping(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return unavailable(errClosed)
	}
	return ctx.Err()
}

// Close is the promise of queue.Log. It may be called more than once.
func (l *Log) Close() error {
	for _, p := range l.partitions {
		p.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.replies)
	}
	return nil
}

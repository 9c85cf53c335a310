// Package inproc is the queue and the bus of a process that runs alone, in memory. Its log survives
// nothing. So it confirms an entry only when the consumer acknowledged it, which the worker does
// after the commit. What was confirmed is applied, and needs no log any more.
package inproc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Limits when Config says nothing, and of the replies that wait to be read.
const (
	DefaultMaxEntries = 4096
	DefaultMaxBytes   = 64 << 20
	repliesBuffer     = 1024
)

// Config sets the size of a log. What does not fit is refused.
type Config struct {
	Streams    []string // their names
	Partitions int      // of each stream at the start; at least 1
	MaxEntries int      // unacknowledged entries per partition; 0: DefaultMaxEntries
	MaxBytes   int      // and their size in memory, about; 0: DefaultMaxBytes
}

// Log is a queue.Log in memory. It is safe for use by many goroutines. Beyond the port it says:
// confirmed is called when the entry was acknowledged, by the goroutine that acknowledges it.
type Log struct {
	streams map[string]*stream

	mu     sync.Mutex // guards closed
	closed bool
}

var _ queue.Log = (*Log)(nil)

// Open makes a log. Other logs, of this process or another, see nothing of it.
func Open(c Config) (*Log, error) {
	if c.Partitions < 1 || c.Partitions > queue.MaxPartitions ||
		c.MaxEntries < 0 || c.MaxBytes < 0 {
		return nil, fmt.Errorf("a log of %d partitions, %d entries and %d bytes cannot be",
			c.Partitions, c.MaxEntries, c.MaxBytes)
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = DefaultMaxEntries
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	l := &Log{streams: make(map[string]*stream, len(c.Streams))}
	for _, name := range c.Streams {
		l.streams[name] = newStream(name, c)
	}
	return l, nil
}

// Stream is the promise of queue.Log.
func (l *Log) Stream(name string) (queue.Stream, error) {
	s, ok := l.streams[name]
	if !ok {
		return nil, fmt.Errorf("the log was opened without a stream %q", name)
	}
	return s, nil
}

// Ping tells whether the log is open.
func (l *Log) Ping(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return unavailable(errClosed, slices.Sorted(maps.Keys(l.streams))...)
	}
	return ctx.Err()
}

// Close is the promise of queue.Log. It may be called more than once.
func (l *Log) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		for _, s := range l.streams {
			s.close()
		}
	}
	return nil
}

package inproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plenary-live/plenary/pkg/queue"
)

// maxBody leaves room for the envelope, of which dead letters have one.
const maxBody = queue.MaxBytes - overhead

// stream is a queue.Stream.
type stream struct {
	name       string
	partitions []*partition
	dead       *graveyard

	mu      sync.Mutex // guards closed, and replies against being closed during a send
	closed  bool
	replies chan queue.Reply
}

func newStream(name string, c Config) *stream {
	s := &stream{name: name, dead: &graveyard{}, replies: make(chan queue.Reply, repliesBuffer)}
	for range c.Partitions {
		s.partitions = append(s.partitions, newPartition(c.MaxEntries, c.MaxBytes))
	}
	return s
}

// Publish is the promise of queue.Publisher. It never waits: what does not fit is refused at once.
func (s *stream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	p, err := s.partition(partition)
	if err != nil {
		return err
	}
	if n := len(e.Body); n > maxBody {
		return fmt.Errorf("an entry of %d bytes is larger than %d", n, maxBody)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrRefused, err)
	}
	// Once it is confirmed the publisher may use the bytes again, while a consumer still looks
	// at them.
	e.Body = slices.Clone(e.Body)
	return p.append(entry{Entry: e, confirmed: confirmed})
}

// Replies is the promise of queue.Publisher.
func (s *stream) Replies() <-chan queue.Reply { return s.replies }

// reply hands over a reply, or loses it when nobody reads.
func (s *stream) reply(r queue.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.replies <- r:
		return nil
	default:
		return errors.New("the reader of the replies is too slow")
	}
}

// Subscribe is the promise of queue.Consumer.
func (s *stream) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	p, err := s.partition(partition)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, s.name)
	}
	return p.subscribe(s, partition)
}

func (s *stream) partition(n int) (*partition, error) {
	if n < 0 || n >= len(s.partitions) {
		return nil, fmt.Errorf("there is no partition %d among %d", n, len(s.partitions))
	}
	return s.partitions[n], nil
}

// open tells whether the log is open, and ctx has not ended.
func (s *stream) open(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return unavailable(errClosed, s.name)
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err, s.name)
	}
	return nil
}

func (s *stream) close() {
	for _, p := range s.partitions {
		p.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.replies)
}

package queuetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

// closing is the stress of a log's end. A log is opened and closed, and is no life.Service. So it
// proves here what services prove in lifetest.
var closing = []promise{
	{name: "a log may be closed at any time by many while others work with it",
		test: func(t *testing.T, s *suite) {
			for _, entries := range []int{0, 1, 300} { // that are read before
				l := logOf(t, s.Env.Open(t), Streams[0])
				read := make(chan struct{}, 1)
				var working, closers sync.WaitGroup
				for p := range Partitions {
					working.Go(func() { publishUntilClosed(t, l, p) })
					working.Go(func() { readUntilClosed(t, l, p, read) })
				}
				working.Go(func() {
					for range l.Replies() { // they end with the log
					}
				})
				for range entries {
					receive(t, read, "an entry")
				}
				for range 8 {
					closers.Go(func() { assert.NoError(t, l.Close()) })
				}
				closers.Wait()
				assert.Equal(t, fault.Unavailable, fault.CodeOf(l.Ping(t.Context())))
				_, err := l.Subscribe(t.Context(), 0)
				assert.Equal(t, fault.Unavailable, fault.CodeOf(err))
				require.NoError(t, l.Close())
				working.Wait()
			}
		}},
}

// publishUntilClosed publishes, a few entries at a time. Each of them must have its outcome.
func publishUntilClosed(t *testing.T, l log, partition int) {
	for n := 0; ; n++ {
		var outcomes []<-chan error
		var err error
		for range 50 {
			outcome := make(chan error, 1)
			err = l.Publish(t.Context(), partition, numbered(n), once(t, outcome))
			if err != nil {
				refused := errors.Is(err, queue.ErrRefused) || errors.Is(err, queue.ErrUnknown)
				assert.True(t, refused, "%v", err)
				break
			}
			outcomes = append(outcomes, outcome)
		}
		for _, outcome := range outcomes {
			if became := <-outcome; became != nil {
				assert.ErrorIs(t, became, queue.ErrUnknown)
			}
		}
		if err != nil && l.Ping(t.Context()) != nil {
			return
		}
	}
}

// readUntilClosed subscribes, and acknowledges and answers what it reads, which it tells.
func readUntilClosed(t *testing.T, l log, partition int, read chan<- struct{}) {
	for {
		sub, err := l.Subscribe(t.Context(), partition)
		if err != nil {
			assert.Equal(t, fault.Unavailable, fault.CodeOf(err))
			if l.Ping(t.Context()) != nil {
				return
			}
			continue
		}
		for d := range sub.Deliveries() {
			_ = sub.Ack(d.Tag) // it fails when the log is closed
			_ = sub.Reply(t.Context(), d.ReplyTo, queue.Reply{EntryID: d.Entry.ID})
			select {
			case read <- struct{}{}:
			default:
			}
		}
		assert.NoError(t, sub.Close())
	}
}

package queuetest

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	typeNumbered = 1
	typeSized    = 2
)

// numbered makes a small entry that carries a number.
func numbered(n int) queue.Entry {
	return queue.Entry{ID: uuid.New(), Type: typeNumbered,
		Body: binary.BigEndian.AppendUint64(nil, uint64(n))}
}

func numberOf(d queue.Delivery) int {
	if d.Err != nil || d.Entry.Type != typeNumbered {
		return -1
	}
	return int(binary.BigEndian.Uint64(d.Entry.Body))
}

// sized makes an entry of a type of its own whose body has n bytes.
func sized(n int) queue.Entry {
	e := queue.Entry{ID: uuid.New(), Type: typeSized, Body: make([]byte, n)}
	for i := range e.Body {
		e.Body[i] = byte(i + i>>8)
	}
	return e
}

// receive waits for the next value.
func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v, ok := <-from:
		require.True(t, ok, "%s: the channel was closed", what)
		return v
	case <-time.After(patience):
		require.FailNow(t, what+": waited too long")
		panic("unreachable")
	}
}

// closes waits until a channel is closed, and counts what is still inside.
func closes[T any](t testing.TB, c <-chan T, what string) (left int) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-c:
			if !ok {
				return left
			}
			left++
		case <-timeout:
			require.FailNow(t, what+" was not closed")
		}
	}
}

// publish publishes and gives where the outcome comes. A second outcome fails the test.
func publish(t testing.TB, l queue.Publisher, partition int, e queue.Entry) <-chan error {
	t.Helper()
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), partition, e, once(t, outcome)))
	return outcome
}

func once(t testing.TB, outcome chan<- error) func(error) {
	return func(err error) {
		select {
		case outcome <- err:
		default:
			t.Errorf("confirmed a second time, with %v", err)
		}
	}
}

// subscribe subscribes for the time of the test.
func subscribe(t testing.TB, l queue.Consumer, partition int) queue.Subscription {
	t.Helper()
	sub, err := l.Subscribe(t.Context(), partition)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

// next waits for an entry whose envelope can be decoded.
func next(t testing.TB, sub queue.Subscription) queue.Delivery {
	t.Helper()
	d := receive(t, sub.Deliveries(), "an entry")
	require.NoError(t, d.Err)
	return d
}

// works waits until the log works again after a fault, as its users do: by trying, on the last
// partition.
func works(t testing.TB, l log) {
	t.Helper()
	require.Eventually(t, func() bool { return roundTrip(t, l) }, patience, 5*time.Millisecond)
}

// roundTrip publishes an entry, reads it and answers it.
func roundTrip(t testing.TB, l log) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	const partition = Partitions - 1
	sub, err := l.Subscribe(ctx, partition)
	if err != nil {
		return false
	}
	defer sub.Close()
	e, outcome := sized(1), make(chan error, 1)
	if l.Publish(ctx, partition, e, once(t, outcome)) != nil {
		return false
	}
	for {
		select {
		case d, ok := <-sub.Deliveries():
			if !ok || sub.Ack(d.Tag) != nil {
				return false
			}
			if d.Entry.ID == e.ID &&
				sub.Reply(ctx, d.ReplyTo, queue.Reply{EntryID: e.ID, Body: answer[:1]}) != nil {
				return false
			}
		case r := <-l.Replies():
			if r.EntryID != e.ID {
				continue
			}
			select {
			case err := <-outcome:
				return err == nil && l.Ping(ctx) == nil
			case <-ctx.Done():
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}

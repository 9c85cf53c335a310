package queuetest

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// numbered makes a small batch that carries a number.
func numbered(n int) poll.Batch {
	return poll.Batch{ID: uuid.New(), Seal: &poll.Seal{Version: int64(n)}}
}

func numberOf(d queue.Delivery) int {
	if d.Err != nil || d.Batch.Seal == nil {
		return -1
	}
	return int(d.Batch.Seal.Version)
}

// votes makes a batch of n votes.
func votes(n int) poll.Batch {
	b := poll.Batch{ID: uuid.New(), Votes: make([]poll.Vote, n)}
	pollID := uuid.New()
	for i := range b.Votes {
		v := poll.Vote{ID: uuid.New(), PollID: pollID, Version: 3, Seq: int64(i), Answer: "A"}
		binary.BigEndian.PutUint64(v.VoterID[:], uint64(i+1))
		b.Votes[i] = v
	}
	return b
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
func publish(t testing.TB, l queue.Publisher, partition int, b poll.Batch) <-chan error {
	t.Helper()
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), partition, b, once(t, outcome)))
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

// next waits for an entry that can be decoded.
func next(t testing.TB, sub queue.Subscription) queue.Delivery {
	t.Helper()
	d := receive(t, sub.Deliveries(), "an entry")
	require.NoError(t, d.Err)
	return d
}

// works waits until the log works again after a fault, as its users do: by trying, on the last partition.
func works(t testing.TB, l queue.Log) {
	t.Helper()
	require.Eventually(t, func() bool { return roundTrip(t, l) }, patience, 5*time.Millisecond)
}

// roundTrip publishes a batch, reads it and answers it.
func roundTrip(t testing.TB, l queue.Log) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	const partition = Partitions - 1
	sub, err := l.Subscribe(ctx, partition)
	if err != nil {
		return false
	}
	defer sub.Close()
	b, outcome := votes(1), make(chan error, 1)
	if l.Publish(ctx, partition, b, once(t, outcome)) != nil {
		return false
	}
	for {
		select {
		case d, ok := <-sub.Deliveries():
			if !ok || sub.Ack(d.Tag) != nil {
				return false
			}
			if d.Batch.ID == b.ID && sub.Reply(ctx, d.ReplyTo, queue.Reply{BatchID: b.ID, Verdicts: verdicts[:1]}) != nil {
				return false
			}
		case r := <-l.Replies():
			if r.BatchID != b.ID {
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

package main

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// counts is a stream whose dead letters are counted when their test wants, with an error or none.
type counts struct {
	queue.Stream
	next chan error
}

func (c counts) CountDeadLetters(ctx context.Context) (int, error) {
	select {
	case away := <-c.next:
		n, err := c.Stream.CountDeadLetters(ctx)
		return n, cmp.Or(away, err)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// bury has a stream keep so many dead letters.
func bury(t *testing.T, stream queue.Stream, sub queue.Subscription, letters int) {
	t.Helper()
	n, err := stream.CountDeadLetters(t.Context())
	require.NoError(t, err)
	for ; n < letters; n++ {
		e := queue.Entry{ID: uuid.New()}
		require.NoError(t, stream.Publish(t.Context(), 0, e, func(error) {}))
		d := <-sub.Deliveries()
		require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
		require.NoError(t, sub.Ack(d.Tag))
	}
	require.NoError(t, stream.VisitDeadLetters(t.Context(), func(queue.DeadLetter) queue.Fate {
		if n == letters {
			return queue.Keep
		}
		n--
		return queue.Drop
	}, func(_ queue.DeadLetter, err error) { require.NoError(t, err) }))
}

func TestDeadLettersAreCountedAndSaidOnceUntilThereAreMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var lines bytes.Buffer
		log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: 1})
		require.NoError(t, err)
		defer log.Close()
		stream, err := log.Stream(poll.Stream)
		require.NoError(t, err)
		sub, err := stream.Subscribe(ctx, 0)
		require.NoError(t, err)
		letters, done := counts{stream, make(chan error)}, make(chan struct{})
		w := newWatch(telemetry.NewMetrics())
		go func() {
			defer close(done)
			w.run(ctx, letters, slog.New(slog.NewTextHandler(&lines, nil)))
		}()
		away := fault.Errorf(fault.Unavailable, "away")
		for i, step := range []struct {
			n    int
			err  error
			want float64
			said int // lines in all
		}{
			{0, away, math.NaN(), 0},
			{0, nil, 0, 0},
			{2, nil, 2, 1},
			{2, nil, 2, 1},
			{9, away, 2, 1},
			{3, nil, 3, 2},
			{1, nil, 1, 2},
			{3, nil, 3, 3},
		} {
			bury(t, stream, sub, step.n)
			letters.next <- step.err
			letters.next <- step.err // it came to the next one, so it is done with the one before
			if math.IsNaN(step.want) {
				require.True(t, math.IsNaN(w.get()), "not known")
			} else {
				require.InDelta(t, step.want, w.get(), 0, "step %d", i)
			}
			require.Equal(t, step.said,
				strings.Count(lines.String(), "there are dead letters"), "step %d", i)
		}
		stop()
		<-done
	})
}

package main

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// counts is a log whose dead letters a test counts for it.
type counts chan counted

type counted struct {
	n   int
	err error
}

func (c counts) CountDeadLetters(ctx context.Context) (int, error) {
	select {
	case next := <-c:
		return next.n, next.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (c counts) VisitDeadLetters(context.Context, func(queue.DeadLetter) queue.Fate, func(queue.DeadLetter, error)) error {
	panic("nobody visits")
}

func TestDeadLettersAreCountedAndSaidOnceUntilThereAreMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var lines bytes.Buffer
		letters, done := make(counts), make(chan struct{})
		w := newWatch(telemetry.NewMetrics())
		go func() {
			defer close(done)
			w.run(ctx, letters, slog.New(slog.NewTextHandler(&lines, nil)))
		}()
		away := fault.Errorf(fault.Unavailable, "away")
		for i, step := range []struct {
			counted
			want float64
			said int // lines in all
		}{
			{counted{0, away}, math.NaN(), 0},
			{counted{0, nil}, 0, 0},
			{counted{2, nil}, 2, 1},
			{counted{2, nil}, 2, 1},
			{counted{9, away}, 2, 1},
			{counted{3, nil}, 3, 2},
			{counted{1, nil}, 1, 2},
			{counted{3, nil}, 3, 3},
		} {
			letters <- step.counted
			letters <- step.counted // it came to the next one, so it is done with the one before
			if math.IsNaN(step.want) {
				require.True(t, math.IsNaN(w.get()), "not known")
			} else {
				require.InDelta(t, step.want, w.get(), 0, "step %d", i)
			}
			require.Equal(t, step.said, strings.Count(lines.String(), "there are dead letters"), "step %d", i)
		}
		stop()
		<-done
	})
}

package main

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/telemetry"
)

const (
	watchEvery   = 5 * time.Second
	watchTimeout = 2 * time.Second
)

// watch keeps count of the dead letters, whichever worker set them aside.
type watch struct {
	bits atomic.Uint64 // of the float64 that the gauge shows
}

func newWatch(metrics *telemetry.Metrics) *watch {
	w := &watch{}
	w.set(math.NaN()) // not known yet
	metrics.Gauge("plenary_dead_letters",
		"Entries of the log that were set aside and wait for an operator; as they were last "+
			"counted.", w.get)
	return w
}

func (w *watch) set(n float64) { w.bits.Store(math.Float64bits(n)) }
func (w *watch) get() float64  { return math.Float64frombits(w.bits.Load()) }

// counter is the part of queue.DeadLetters that a watch needs.
type counter interface {
	CountDeadLetters(ctx context.Context) (int, error)
}

// all counts the dead letters of several streams.
type all []counter

// CountDeadLetters gives their number. The error is that of a stream that cannot tell.
func (a all) CountDeadLetters(ctx context.Context) (sum int, err error) {
	for _, one := range a {
		n, err := one.CountDeadLetters(ctx)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// run counts every few seconds until ctx ends. It says so when there are dead letters, and again
// when they become more.
func (w *watch) run(ctx context.Context, letters counter, logger *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	said := 0
	for {
		once, cancel := context.WithTimeout(ctx, watchTimeout)
		n, err := letters.CountDeadLetters(once)
		cancel()
		if err == nil { // else the last count stands: whoever is away is told elsewhere
			w.set(float64(n))
			if n > said {
				logger.Warn(
					"there are dead letters: look at them with \"worker dead-letters list\"",
					"count", n)
			}
			said = n
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

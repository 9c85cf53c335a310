//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

// connectPatience bounds connecting: NGINX forgets an idle connection after 75 s. It bounds the answers, too.
const connectPatience = 40 * time.Second

// stampede has clients that are connected already vote at one signal, through NGINX to three replicas.
func (b *Bench) stampede(ctx context.Context, part *report.Part) error {
	return b.turns(ctx, 2, func(round, i int) error {
		of, url, p := report.NoOp, b.noop.NGINX.URL, (*plenary)(nil)
		if i == 1 {
			of, url, p = report.Plenary, b.now.NGINX.URL, b.now
		}
		latencies, last, err := b.burst(ctx, url, p)
		if err != nil {
			return fmt.Errorf("%s: %w", of, err)
		}
		for _, percent := range []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99, 99.9} {
			b.add(part, of, percent, round, map[string]float64{"ms": ms(crowd.Percentile(latencies, percent))})
		}
		b.add(part, of, 100, round, last)
		return nil
	})
}

// burst has all clients vote, and gives the sorted latencies, and what else there is to know of the last one.
// Without a Plenary nothing is counted.
func (b *Bench) burst(ctx context.Context, url string, p *plenary) (latencies []int64, of100 map[string]float64, err error) {
	at := noRoom(url)
	if p != nil {
		if err := p.quiet(ctx); err != nil {
			return nil, nil, err
		}
		if at, err = newRoom(ctx, url); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*connectPatience+drainTimeout)
	defer cancel()
	clients, err := b.connect(ctx, at)
	defer func() { err = errors.Join(err, end(clients)) }()
	if err != nil {
		return nil, nil, err
	}
	signal := crowd.Now() + int64(300*time.Millisecond)
	// Where nothing is counted, an answer is a count.
	watched := func(acknowledged int64, end float64) (seen, error) { return seen{acknowledged, end}, nil }
	if p != nil {
		watched = p.watch(ctx, at, signal)
	}
	answered, err := vote(clients, signal)
	latencies = answered.Latencies
	slices.Sort(latencies)
	last := ms(crowd.Percentile(latencies, 100))
	counted, watchErr := watched(int64(len(latencies)-answered.Broken), last)
	if err := errors.Join(err, watchErr); err != nil {
		return nil, nil, err
	}
	if answered.Broken > 0 || counted.votes != int64(b.Clients) {
		return nil, nil, fmt.Errorf("%d clients have voted, %d have no answer, %d votes are counted", b.Clients, answered.Broken, counted.votes)
	}
	return latencies, map[string]float64{"ms": last, "counted ms": counted.at, "after s": max(counted.at-last, 0) / 1e3,
		"acknowledged": float64(len(latencies)), "counted": float64(counted.votes), "repeated": float64(answered.Repeated)}, nil
}

// seen is how many votes are counted, and since when, in ms from the signal.
type seen struct {
	votes int64
	at    float64
}

// watch looks at how much is counted, until what it returns has waited for all that was acknowledged.
func (p *plenary) watch(ctx context.Context, r room, signal int64) func(acknowledged int64, end float64) (seen, error) {
	var last seen
	var wanted atomic.Int64
	wanted.Store(math.MaxInt64)
	var watching sync.WaitGroup
	var failed error
	watching.Go(func() {
		failed = wait(ctx, 20*time.Millisecond, func() (bool, error) {
			n, _, err := p.counted(ctx, []room{r})
			if n != last.votes {
				last = seen{n, float64(crowd.Now()-signal) / 1e6}
			}
			return n >= wanted.Load(), err
		})
	})
	return func(acknowledged int64, _ float64) (seen, error) {
		wanted.Store(acknowledged)
		watching.Wait()
		return last, failed
	}
}

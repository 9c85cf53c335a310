//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

// connectPatience bounds connecting, and answers: NGINX forgets an idle connection after 75 s.
const connectPatience = 40 * time.Second

// stampede has clients that are connected vote at one signal, through NGINX.
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
			at := map[string]float64{"ms": ms(crowd.Percentile(latencies, percent))}
			b.add(part, of, percent, round, at)
		}
		b.add(part, of, 100, round, last)
		return nil
	})
}

// burst has all clients vote, and gives the sorted latencies, and values of the last. Without a
// Plenary nothing is counted.
func (b *Bench) burst(ctx context.Context, url string, p *plenary) (
	latencies []int64, last map[string]float64, err error) {
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
	o, err := vote(clients, signal)
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(o.Latencies)
	slowest := crowd.Percentile(o.Latencies, 100)
	counted, after := int64(b.Clients-o.Broken), time.Duration(0)
	if p != nil {
		err = wait(ctx, 10*time.Millisecond, func() (bool, error) {
			n, _, err := p.counted(ctx, []room{at})
			after = max(time.Duration(crowd.Now()-signal)-slowest, 0)
			done := n >= counted
			counted = max(n, counted)
			return done, err
		})
	}
	if err == nil && counted > int64(b.Clients) {
		err = errors.New("there are more votes than clients")
	}
	if err != nil {
		return nil, nil, fmt.Errorf(
			"%d clients, %d without an answer, %d sent again, %d counted: %w",
			b.Clients, o.Broken, o.Repeated, counted, err)
	}
	return o.Latencies, map[string]float64{"ms": ms(slowest), "after s": after.Seconds(),
		"acknowledged": float64(len(o.Latencies) - o.Broken), "counted": float64(counted),
		"repeated": float64(o.Repeated), "unanswered": float64(o.Broken)}, nil
}

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

// target is what clients vote or rate at.
type target struct {
	of      string
	url     string
	quiet   func(context.Context) error
	open    func(context.Context, string) (room, error)
	counted func(context.Context, []room) (n int64, empty int, err error) // nil: nothing is
}

// stampede has clients that are connected vote, or rate a talk, at one signal, through NGINX.
func (b *Bench) stampede(ctx context.Context, part *report.Part) error {
	idle := func(context.Context) error { return nil }
	none := func(_ context.Context, url string) (room, error) { return noRoom(url), nil }
	at := b.now.NGINX.URL
	targets := []target{
		{report.NoOp, b.noop.NGINX.URL, idle, none, nil},
		{report.Plenary, at, b.now.quiet, newRoom, b.now.counted},
		{report.Ratings, at, b.now.quietRatings, newRated, b.now.countedRatings},
	}
	return b.turns(ctx, len(targets), func(round, i int) error {
		of := targets[i].of
		latencies, last, err := b.burst(ctx, targets[i])
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

// burst has all clients vote, and gives the sorted latencies, and values of the last.
func (b *Bench) burst(ctx context.Context, t target) (
	latencies []int64, last map[string]float64, err error) {
	if err := t.quiet(ctx); err != nil {
		return nil, nil, err
	}
	at, err := t.open(ctx, t.url)
	if err != nil {
		return nil, nil, err
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
	if t.counted != nil {
		err = wait(ctx, 10*time.Millisecond, func() (bool, error) {
			n, _, err := t.counted(ctx, []room{at})
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

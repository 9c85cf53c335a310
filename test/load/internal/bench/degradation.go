//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

const (
	openConns = 2000            // of an open loop at most
	openGrace = 3 * time.Second // beyond the load's time, for what is late
	// countedRate is the offered rate at which the time until a vote is counted is looked at.
	countedRate = 2000
	// background is how many votes a second come in while results are read: else there was nothing new to read.
	background = 200
)

// degradation offers rising rates through NGINX until the second one that is not kept up with.
func (b *Bench) degradation(ctx context.Context, run report.Run) (d *report.Degradation, err error) {
	d = &report.Degradation{Run: run}
	seconds := time.Duration(b.Seconds) * time.Second
	for round := range b.Rounds {
		for turn := range 2 {
			if (round+turn)%2 == 1 {
				l, err := b.openNoOp(ctx, countedRate, seconds)
				if err != nil {
					return nil, err
				}
				d.Control = append(d.Control, l)
				b.say("round %d  no-op at %d a second: %s", round+1, countedRate, line(l))
				continue
			}
			l, err := b.openVotes(ctx, countedRate, seconds)
			if err != nil {
				return nil, err
			}
			d.Counted = append(d.Counted, l)
			b.say("round %d  votes until counted at %d a second: %s", round+1, countedRate, line(l))
		}
	}
	rising := func(call string, open func(rate float64) (report.Level, error)) error {
		for behind, i := 0, 0; behind < 2 && i < len(b.Rates); i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			l, err := open(b.Rates[i])
			if err != nil {
				return fmt.Errorf("%s at %.0f a second: %w", call, b.Rates[i], err)
			}
			d.Levels = append(d.Levels, l)
			b.say("%-8s %s  reads %.1f a second", call, line(l), l.Reads)
			if l.Achieved < 0.9*l.Offered {
				behind++
			}
		}
		return nil
	}
	if err := rising("vote", func(rate float64) (report.Level, error) { return b.openVotes(ctx, rate, seconds) }); err != nil {
		return nil, err
	}
	counts, stop, err := b.countStatements(ctx) // from here on: it would cost the votes
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, call := range []string{"current", "results"} {
		if err := rising(call, func(rate float64) (report.Level, error) { return b.openReads(ctx, call, rate, seconds, counts) }); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func line(l report.Level) string {
	return fmt.Sprintf("offered %7.0f  achieved %7.0f  p50 %8.2f  p90 %8.2f  p99 %8.2f  p99.9 %8.2f ms  missed %d %v", l.Offered, l.Achieved,
		l.Ms["50"], l.Ms["90"], l.Ms["99"], l.Ms["99.9"], l.Missed, l.Answers)
}

// openVotes casts votes in a new room and waits until those that were acknowledged are counted.
func (b *Bench) openVotes(ctx context.Context, rate float64, d time.Duration) (report.Level, error) {
	if err := b.quiet(ctx); err != nil {
		return report.Level{}, err
	}
	r, err := newRoom(ctx, b.plenary.NGINX.URL)
	if err != nil {
		return report.Level{}, err
	}
	o, err := r.cast(rate, d, r.votes(b.nextSalt()))
	if err != nil {
		return report.Level{}, err
	}
	if err := b.allCounted(ctx, r, int64(o.Answers[204]+o.Answers[202])); err != nil {
		return report.Level{}, err
	}
	return level("vote", rate, o, 204), nil
}

// openNoOp casts the same votes at the no-op, through its NGINX.
func (b *Bench) openNoOp(ctx context.Context, rate float64, d time.Duration) (report.Level, error) {
	if err := b.quiet(ctx); err != nil {
		return report.Level{}, err
	}
	r := noRoom(b.noop.NGINX.URL)
	o, err := r.cast(rate, d, r.votes(b.nextSalt()))
	if err != nil {
		return report.Level{}, err
	}
	return level("no-op", rate, o, 204), nil
}

// cast offers votes as an open loop.
func (r room) cast(rate float64, d time.Duration, votes func(buf []byte, n int) []byte) (crowd.Outcome, error) {
	return crowd.Load{Addr: r.addr(), Conns: openConns, Rate: rate, Duration: d, Grace: openGrace, Request: votes}.Run()
}

// allCounted waits until at least n votes of the room are counted.
func (b *Bench) allCounted(ctx context.Context, r room, n int64) error {
	began := time.Now()
	return wait(ctx, 20*time.Millisecond, func() (bool, error) {
		var counted int64
		if err := b.admin.QueryRowContext(ctx, countedVotes, r.poll).Scan(&counted); err != nil {
			return false, err
		}
		if counted < n && time.Since(began) > drainTimeout {
			return false, fmt.Errorf("%d votes were acknowledged and %d are counted %v later", n, counted, drainTimeout)
		}
		return counted >= n, nil
	})
}

// openReads reads what is displayed, or the results while votes come in, and what that has the database read.
func (b *Bench) openReads(ctx context.Context, call string, rate float64, d time.Duration, counts bool) (report.Level, error) {
	r, err := newRoom(ctx, b.plenary.NGINX.URL)
	if err != nil {
		return report.Level{}, err
	}
	before, err := b.asked(ctx, counts)
	if err != nil {
		return report.Level{}, err
	}
	began := time.Now()
	path := r.path("/polls/current")
	var voting sync.WaitGroup
	var votingErr error
	if call == "results" {
		path = r.path("/polls/" + r.poll + "/results")
		votes := crowd.Load{Addr: r.addr(), Conns: 64, Rate: background, Duration: d, Grace: openGrace, Request: r.votes(b.nextSalt())}
		voting.Go(func() { _, votingErr = votes.Run() })
	}
	request := r.get(path)
	o, err := crowd.Load{Addr: r.addr(), Conns: openConns, Rate: rate, Duration: d, Grace: openGrace,
		Request: func(buf []byte, _ int) []byte { return append(buf, request...) }}.Run()
	voting.Wait()
	if err = errors.Join(err, votingErr); err != nil {
		return report.Level{}, err
	}
	l := level(call, rate, o, 200)
	after, err := b.asked(ctx, counts)
	l.Reads = after.since(before, time.Since(began).Seconds(), counts).reads
	return l, err
}

// level sums up an open loop; wished is the status of an answer that counts as kept up with.
func level(call string, rate float64, o crowd.Outcome, wished int) report.Level {
	l := report.Level{Call: call, Offered: rate, Due: o.Due, Missed: o.Unsent + o.Broken, Answers: o.Answers, Ms: percentiles(o.Latencies)}
	l.Achieved = float64(o.Answers[wished]) / max(o.Took.Seconds(), float64(o.Due)/rate)
	return l
}

// percentiles gives some of sorted latencies, in milliseconds.
func percentiles(sorted []int64) map[string]float64 {
	all := map[string]float64{}
	for _, p := range []float64{50, 90, 99, 99.9, 100} {
		all[fmt.Sprint(p)] = ms(crowd.Percentile(sorted, p))
	}
	return all
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

//go:build linux

package crowd

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Load is an open loop: requests leave at the times of a schedule, whether or not earlier ones were answered, and an
// answer's latency counts from the scheduled time. A server that stalls is thus not asked less while it does, nor does
// the stall hide in one slow answer (coordinated omission).
type Load struct {
	Addr     netip.AddrPort
	Conns    int // at most so many requests are under way; what is due then waits, and its time runs
	Rate     float64
	Duration time.Duration
	Grace    time.Duration // after Duration, for what is late
	// Request writes the n-th request into buf, which it may extend, and returns it.
	Request func(buf []byte, n int) []byte
}

// Outcome is what became of a load.
type Outcome struct {
	Due       int           // requests that the schedule asked for
	Unsent    int           // of them, never sent: no connection was free within the grace
	Broken    int           // connections lost, or silent at the end of the grace, with a request under way
	Answers   map[int]int   // by status
	Latencies []int64       // nanoseconds, sorted, one per request that was due; those without an answer as long as they were waited for
	Took      time.Duration // from the first request to the last answer
}

// Run does it. An error is one of the machine, not of the server.
func (l Load) Run() (Outcome, error) {
	c, err := New(l.Addr, l.Conns, netip.Addr{})
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = c.Close() }()
	for i := range l.Conns {
		if err := c.connect(i); err != nil {
			return Outcome{}, fmt.Errorf("client %d of %d: %w", i, l.Conns, err)
		}
	}
	o := Outcome{Answers: map[int]int{}, Due: max(int(l.Rate*l.Duration.Seconds()), 1)}
	o.Latencies = make([]int64, 0, o.Due)
	idle := make([]int, l.Conns)
	for i := range idle {
		idle[i] = i
	}
	underWay := make([]int64, l.Conns) // when the connection's request was due; 0: none
	began := Now() + int64(10*time.Millisecond)
	due := func(n int) int64 { return began + int64(float64(n)/l.Rate*1e9) }
	last := began
	done := func(i int) {
		last = Now()
		o.Latencies = append(o.Latencies, last-underWay[i])
		underWay[i] = 0
		idle = append(idle, i)
	}
	answered := func(i, status int, err error) {
		switch {
		case underWay[i] == 0: // an idle connection was closed; Send makes it anew
		case err != nil:
			o.Broken++
			done(i)
		default:
			o.Answers[status]++
			done(i)
		}
	}
	next, buf := 0, make([]byte, 0, 1024)
	end := began + int64(l.Duration+l.Grace)
	for len(o.Latencies) < o.Due && Now() < end {
		for now := Now(); next < o.Due && len(idle) > 0 && due(next) <= now; next++ {
			i := idle[len(idle)-1]
			idle = idle[:len(idle)-1]
			underWay[i] = due(next)
			buf = l.Request(buf[:0], next)
			if err := c.Send(i, buf); err != nil {
				o.Broken++
				done(i)
			}
		}
		until := end
		if next < o.Due && len(idle) > 0 {
			until = min(until, due(next))
		}
		if err := c.Wait(until, answered); err != nil {
			return o, err
		}
	}
	now := Now()
	for _, at := range underWay {
		if at > 0 {
			o.Broken++
			o.Latencies = append(o.Latencies, now-at)
		}
	}
	for ; next < o.Due; next++ {
		o.Unsent++
		o.Latencies = append(o.Latencies, now-due(next))
	}
	o.Took = time.Duration(last - began)
	slices.Sort(o.Latencies)
	return o, nil
}

// Percentile gives the smallest of sorted values that p percent of them do not exceed; 0 of none.
func Percentile(sorted []int64, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(float64(len(sorted))*p/100+0.999999) - 1
	return time.Duration(sorted[min(max(i, 0), len(sorted)-1)])
}

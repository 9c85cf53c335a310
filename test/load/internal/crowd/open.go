//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Load is an open loop: requests leave at the times of a schedule. A latency counts from the
// scheduled time, so a stall does not hide in one slow answer.
type Load struct {
	Addr     netip.AddrPort
	Source   netip.Addr    // none: the system's choice
	Conns    int           // so many requests are under way at most; a later one waits
	Warm     []byte        // a request that each connection has answered before; nil: none
	Patience time.Duration // for Warm's answers, and after the last request was due
	Due      int           // how many requests there are
	Rate     float64       // a second; 0: all are due at once
	Retry    time.Duration // after which a refused one is sent again; 0: it is not
	// Request writes the n-th request into buf, which it may extend, and returns it.
	Request func(buf []byte, n int) []byte

	crowd *Crowd
}

// Outcome is what became of a load.
type Outcome struct {
	Unsent   int         // never sent: no connection was free in time
	Broken   int         // connections lost, or silent at the end, with a request under way
	Repeated int         // requests that were sent again
	Answers  map[int]int // by status, but for those that were repeated
	// Latencies are nanoseconds, sorted, of all requests. One without an answer counts, too.
	Latencies []int64
}

// Connect connects all, and has each answer its first request.
func (l *Load) Connect() (err error) {
	if l.crowd, err = New(l.Addr, l.Conns, l.Source); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = l.crowd.Close()
		}
	}()
	if l.Warm == nil {
		for i := range l.Conns {
			err = errors.Join(err, l.crowd.connect(i))
		}
		return err
	}
	warm := 0
	return l.crowd.greet(l.Warm, l.Patience, func(until int64) (int, error) {
		var failed error
		err := l.crowd.Wait(until, func(i, status int, err error) {
			if warm++; err != nil || status != 200 {
				failed = fmt.Errorf("client %d: the first answer has status %d: %w", i, status,
					err)
			}
		})
		return warm, errors.Join(err, failed)
	})
}

// request is one that is under way, or is to be sent again.
type request struct {
	n       int
	due, at int64 // at: when it is sent again; 0: it is not under way
}

// Run sends everything from the time at on, and ends the connections.
func (l *Load) Run(at int64) (Outcome, error) {
	defer func() { _ = l.crowd.Close() }()
	o := Outcome{Answers: map[int]int{}, Latencies: make([]int64, 0, l.Due)}
	idle, underWay := make([]int, l.Conns), make([]request, l.Conns)
	for i := range idle {
		idle[i] = l.Conns - 1 - i
	}
	due := func(n int) int64 {
		if l.Rate == 0 {
			return at
		}
		return at + int64(float64(n)/l.Rate*1e9)
	}
	var again []request
	answered := func(i, status int, err error) {
		r, now := underWay[i], Now()
		if r.at == 0 {
			return // an idle connection was closed; Send makes it anew
		}
		underWay[i].at, idle = 0, append(idle, i)
		switch {
		case l.Retry > 0 && (err != nil || status >= 300):
			o.Repeated++
			again = append(again, request{r.n, r.due, now + int64(l.Retry)})
			return
		case err != nil:
			o.Broken++
		default:
			o.Answers[status]++
		}
		o.Latencies = append(o.Latencies, now-r.due)
	}
	time.Sleep(time.Duration(at-Now()) - 2*time.Millisecond)
	next, buf, end := 0, make([]byte, 0, 1024), due(l.Due)+int64(l.Patience)
	for len(o.Latencies) < l.Due && Now() < end {
		until, sent := end, 0
		for ; len(idle) > 0 && sent < 64; sent++ { // answers are not to wait until all is sent
			var r request
			if now := Now(); len(again) > 0 && again[0].at <= now {
				r, again = again[0], again[1:]
			} else if next < l.Due && due(next) <= now {
				r, next = request{next, due(next), now}, next+1
			} else {
				break
			}
			i := idle[len(idle)-1]
			idle, underWay[i] = idle[:len(idle)-1], r
			buf = l.Request(buf[:0], r.n)
			if err := l.crowd.Send(i, buf); err != nil {
				answered(i, 0, err)
			}
		}
		if sent == 64 {
			until = 0
		}
		if next < l.Due && len(idle) > 0 {
			until = min(until, due(next))
		}
		if len(again) > 0 && len(idle) > 0 {
			until = min(until, again[0].at)
		}
		if err := l.crowd.Wait(until, answered); err != nil {
			return o, err
		}
	}
	now := Now()
	for _, r := range append(again, underWay...) {
		if r.at > 0 {
			o.Broken++
			o.Latencies = append(o.Latencies, now-r.due)
		}
	}
	for ; next < l.Due; next++ {
		o.Unsent++
		o.Latencies = append(o.Latencies, now-due(next))
	}
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

//go:build linux

package crowd

import (
	"fmt"
	"net/netip"
	"time"
)

// Burst is a part of a stampede: clients that are connected all send one request at one moment.
type Burst struct {
	Addr     netip.AddrPort
	Source   netip.Addr
	Clients  int
	Warm     []byte // a request that each client has answered before: its connection is in use, as a phone's is
	Request  func(buf []byte, i int) []byte
	Patience time.Duration // how long to wait for answers, and to repeat what was refused

	crowd *Crowd
}

// Answered is what became of a burst.
type Answered struct {
	Answers   map[int]int // by status, refused and repeated ones too
	Latencies []int64     // nanoseconds from the signal to the acknowledgement, of each client that got one
	Broken    int         // connections lost with a request under way; it is repeated
}

// Connect connects every client and has its first request answered.
func (b *Burst) Connect() (err error) {
	if b.crowd, err = New(b.Addr, b.Clients, b.Source); err != nil {
		return err
	}
	warm := 0
	return b.crowd.greet(b.Warm, b.Patience, func(until int64) (known int, failed error) {
		err := b.crowd.Wait(until, func(i, status int, err error) {
			if warm++; err != nil || status != 200 {
				failed = fmt.Errorf("client %d: its first request had status %d: %w", i, status, err)
			}
		})
		if failed == nil {
			failed = err
		}
		return warm, failed
	})
}

// retryAfter is what a refusal asks a client to wait for.
const retryAfter = time.Second

// Go sends everything at the time at, and repeats after retryAfter what was refused.
func (b *Burst) Go(at int64) (r Answered, err error) {
	defer func() { _ = b.crowd.Close() }()
	time.Sleep(time.Duration(at-Now()) - 2*time.Millisecond)
	for Now() < at { // a sleep may end late
	}
	type retry struct {
		at int64
		i  int
	}
	var again []retry
	r.Answers, r.Latencies = map[int]int{}, make([]int64, 0, b.Clients)
	answered := func(i, status int, err error) {
		now := Now()
		if err != nil {
			r.Broken++
		} else {
			r.Answers[status]++
		}
		if err == nil && status < 300 {
			r.Latencies = append(r.Latencies, now-at)
		} else {
			again = append(again, retry{now + int64(retryAfter), i})
		}
	}
	buf := make([]byte, 0, 1024)
	send := func(i int) {
		buf = b.Request(buf[:0], i)
		if err := b.crowd.Send(i, buf); err != nil {
			answered(i, 0, err)
		}
	}
	for i := range b.Clients {
		send(i)
		if i%64 == 63 { // answers are not to wait until all is sent
			if err := b.crowd.Wait(0, answered); err != nil {
				return r, err
			}
		}
	}
	for end := at + int64(b.Patience); len(r.Latencies) < b.Clients && Now() < end; {
		until := end
		if len(again) > 0 {
			until = again[0].at
		}
		if err := b.crowd.Wait(until, answered); err != nil {
			return r, err
		}
		for len(again) > 0 && again[0].at <= Now() {
			i := again[0].i
			again = again[1:]
			send(i)
		}
	}
	return r, nil
}

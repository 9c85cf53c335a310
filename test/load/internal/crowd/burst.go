//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Burst is a part of a stampede: clients that are connected all send one request at one moment.
type Burst struct {
	Addr     netip.AddrPort
	Sources  []netip.Addr
	Clients  int
	Warm     []byte // a request that each client has answered before: its connection is in use, as a phone's is
	Request  func(buf []byte, i int) []byte
	Patience time.Duration // how long to wait for answers, and to repeat what was refused

	crowd *Crowd
}

// Answered is what became of a burst.
type Answered struct {
	Answers   map[int]int // by status, refused and repeated ones too
	Latencies []int64     // nanoseconds from the signal to the acknowledgement, a value per client that got one
	Sent      int64       // when the last client had sent its request for the first time, nanoseconds from the signal
	Broken    int         // connections lost with a request under way; it is repeated
}

// Connect connects every client and has its first request answered.
func (b *Burst) Connect() (err error) {
	// Each is greeted as soon as it is connected: a server soon hangs up on a connection that says nothing.
	if b.crowd, err = New(b.Addr, b.Clients, b.Sources...); err != nil {
		return err
	}
	const together = 256
	sent, answered, end := 0, 0, Now()+int64(b.Patience)
	for answered < b.Clients {
		for ; sent < b.Clients && sent-answered < together; sent++ {
			if err := b.crowd.Send(sent, b.Warm); err != nil {
				return err
			}
		}
		var failed error
		if err := b.crowd.Wait(end, func(i, status int, err error) {
			if answered++; err != nil || status != 200 {
				failed = fmt.Errorf("client %d: its first request had status %d: %w", i, status, err)
			}
		}); err != nil || failed != nil {
			return fmt.Errorf("warming up: %w", errors.Join(err, failed))
		}
		if Now() > end {
			return fmt.Errorf("%d of %d clients had their first answer within %v", answered, b.Clients, b.Patience)
		}
	}
	return nil
}

// Go sends everything at the time at, and repeats after retryAfter what was refused, as the answer asks for.
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
		switch {
		case err != nil:
			r.Broken++
		default:
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
	r.Sent = Now() - at
	end := at + int64(b.Patience)
	for len(r.Latencies) < b.Clients && Now() < end {
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

const retryAfter = time.Second

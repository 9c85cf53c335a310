package live

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

// news gives the frames of a state that the seat was not sent; it is sent them now. v.mu is held.
func (v *seat) news(t *topic, s *state) (data []byte) {
	n, before := 0, v.seen
	for _, f := range s.frames {
		if f.seq <= v.seen {
			continue
		}
		v.seen = f.seq
		event := f.after(before, v.seesAll)
		if len(event) == 0 {
			continue
		}
		if n++; n == 1 {
			data = event // mostly there is no other, and nothing to copy
		} else {
			data = append(data[:len(data):len(data)], event...)
		}
	}
	if n > 0 {
		t.sent.Add(int64(n))
		v.guest.hears()
	}
	return data
}

// usher writes to the crowd what is new, until ctx ends or the topic is gone. It writes the head at
// once, and all else too where they are few. A large crowd has the body row by row.
func (t *topic) usher(ctx context.Context) {
	var (
		head, newest uint64 // that everybody was sent, or may be sent at the next moment
		behind       int    // rows that were not sent what is newest
		owed         bool   // nor was somebody else
		bodies       = round{at: t.begun}
		hearts       = round{at: t.begun}
		timer        = time.NewTimer(0)
		all          []*seat
	)
	defer timer.Stop()
	for {
		s, now, pace := t.state.Load(), time.Now(), t.pace()
		if s.err != nil {
			for _, v := range t.seats.take(nil, 0, rows) {
				_ = v.conn.Close()
			}
			return
		}
		if s.seq() > newest || owed {
			if behind == 0 { // the rounds stood still
				bodies.due(now, pace)
			}
			newest, behind, owed = s.seq(), rows, false
		}
		if s.head() > head || behind > 0 && pace <= Pace {
			head, behind = s.head(), 0
			all = t.seats.take(all[:0], 0, rows)
			t.serveAll(all, s)
			// What came with it they have now. For what comes next the rounds go on.
		} else if behind > 0 {
			from, n := bodies.due(now, pace)
			behind -= min(n, behind)
			all = t.seats.take(all[:0], from, n)
			t.serve(all, s)
		}
		if from, n := hearts.due(now, heartbeatEvery); n > 0 {
			all = t.seats.take(all[:0], from, n)
			t.send(all, func(*seat) []byte { return heartbeat })
		}
		clear(all[:cap(all)]) // who has gone is nobody's any more
		wait := hearts.until(time.Now(), heartbeatEvery, 1+t.seats.empty((hearts.last+1)%rows))
		if behind > 0 { // at a moment for several, and not before somebody's
			ahead := 1 + t.seats.empty((bodies.last+1)%rows)
			moment := paceMoment - time.Since(t.begun)%paceMoment
			wait = min(wait, max(moment, bodies.until(time.Now(), pace, ahead)))
		}
		timer.Reset(wait)
		select {
		case <-s.next:
		case <-t.owed:
			owed = true
		case <-timer.C:
		case <-ctx.Done():
			if t.state.Load().err == nil { // else their streams are still to be ended
				return
			}
		}
	}
}

// serveAll is serve by all processors, where it is worth it.
func (t *topic) serveAll(all []*seat, s *state) {
	const share = 500
	var serving sync.WaitGroup
	n := max(share, (len(all)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for ; len(all) > n; all = all[n:] {
		part := all[:n]
		serving.Go(func() { t.serve(part, s) })
	}
	t.serve(all, s)
	serving.Wait()
}

// serve sends everybody what they have not seen of a state.
func (t *topic) serve(all []*seat, s *state) {
	t.send(all, func(v *seat) []byte { return v.news(t, s) })
}

// send writes to everybody, and waits for nobody: who is busy is left out.
func (t *topic) send(all []*seat, data func(*seat) []byte) {
	for _, v := range all {
		v.mu.Lock()
		if !v.busy {
			t.sendTo(v, data(v))
		}
		v.mu.Unlock()
	}
}

// sendTo writes data, or what the network does not take at once in a goroutine that waits. v.mu is
// held, and v is not busy.
func (t *topic) sendTo(v *seat, data []byte) {
	if v.now != nil && len(data) > 0 {
		n, err := v.now.Write(data)
		if err != nil {
			_ = v.conn.Close() // which ends it
			return
		}
		data = data[n:]
	}
	if len(data) > 0 {
		v.busy = true
		t.running.Go(func() { t.catchUp(v, data) })
	}
}

// catchUp writes data, and the head if that is newer by then. What else is new comes at the seat's
// next moment.
func (t *topic) catchUp(v *seat, data []byte) {
	for len(data) > 0 {
		if err := t.write(v.conn, data); err != nil {
			_ = v.conn.Close()
			return // and stays busy
		}
		v.mu.Lock()
		s := t.state.Load()
		if s.err != nil {
			_ = v.conn.Close()
		}
		data = nil
		if s.head() > v.seen {
			data = v.news(t, s)
		} else {
			_ = v.conn.SetWriteDeadline(time.Time{}) // fails only when it is closed
			v.busy = false
		}
		if s.seq() > v.seen {
			t.owe()
		}
		v.mu.Unlock()
	}
}

// owe has the usher look for somebody who may have missed a moment.
func (t *topic) owe() {
	select {
	case t.owed <- struct{}{}:
	default:
	}
}

// seat has the usher send one of the crowd what is new, after head and what the topic shows, until
// leave is called.
func (t *topic) seat(g *guest, head []byte, seesAll bool) (leave func()) {
	v := &seat{conn: g.conn, guest: g, seesAll: seesAll, busy: true}
	if seesAll {
		t.unveiled.Add(1)
	}
	if now := eventloop.NewWriter(accepted(g.conn)); now != nil {
		v.now = now
	}
	head = append(head, v.news(t, t.state.Load())...)
	if t.seats.sit(v) {
		t.owe()
	}
	t.running.Go(func() { t.catchUp(v, head) })
	return func() {
		t.seats.rise(v)
		if seesAll {
			t.unveiled.Add(-1)
		}
	}
}

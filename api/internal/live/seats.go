package httpapi

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

// rows is how finely the moments of a crowd, and its heartbeats, are told apart at most.
const rows = 100

// seats are the streams of a topic's crowd, in rows of about the same size. A row has its moment for results, one in every pace, and
// one for heartbeats: thousands who are written to in the same instant hold up the votes for as long as that takes.
//
// Nobody but the topic's usher writes to them, so what an event costs is little more than its write. A goroutine for each stream has to
// be awakened for it, and then again when its moment comes (docs/benchmarks.md tells what that took).
type seats struct {
	mu   sync.Mutex
	rows [rows][]*seat
	next int // the row where the next one sits down
}

// seat is the stream of one of the crowd.
type seat struct {
	conn      net.Conn
	guest     *guest
	now       io.Writer // takes what the network does without waiting; nil: whoever writes may have to wait
	presenter bool      // whose token came along: nothing is hidden
	row       int
	place     int // in the row; under seats.mu

	mu   sync.Mutex
	seen uint64 // the seq of the newest frame that it was sent, or is being sent
	busy bool   // somebody writes who may have to wait, and will see then what is newest
}

// sit says whether the row was empty: the usher may sleep beyond its moments then.
func (s *seats) sit(v *seat) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.row = s.next
	s.next = (s.next + 1) % rows
	v.place = len(s.rows[v.row])
	s.rows[v.row] = append(s.rows[v.row], v)
	return v.place == 0
}

func (s *seats) rise(v *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.rows[v.row]
	last := row[len(row)-1]
	row[v.place], last.place = last, v.place
	row[len(row)-1] = nil
	s.rows[v.row] = row[:len(row)-1]
}

// take appends to all who sits in n rows, from one on.
func (s *seats) take(all []*seat, from, n int) []*seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		all = append(all, s.rows[(from+i)%rows]...)
	}
	return all
}

// empty says how many rows follow each other in which nobody sits, from one on.
func (s *seats) empty(from int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < rows && len(s.rows[(from+n)%rows]) == 0 {
		n++
	}
	return n
}

// round goes through the rows at an even pace, once in every period. Another period lets it go on from where it is, however old it
// is: who comes or goes changes a crowd's pace, and must not move everybody's moment.
type round struct {
	last int       // the row that had its moment last
	at   time.Time // when that was
}

// due gives the rows whose moment has come since the last call: n from one on. At most it is all of them.
func (r *round) due(now time.Time, period time.Duration) (from, n int) {
	step := period / rows
	passed := int(now.Sub(r.at) / step)
	r.at = r.at.Add(time.Duration(passed) * step)
	r.last = (r.last + passed) % rows
	n = min(passed, rows)
	return (r.last - n + 1 + rows) % rows, n
}

// until gives the time until the moment of the row that is so many ahead.
func (r *round) until(now time.Time, period time.Duration, ahead int) time.Duration {
	return period/rows*time.Duration(ahead) - now.Sub(r.at)
}

// usher writes to the crowd what is new until ctx ends or the presentation is gone: at once what is displayed, and all else too
// where they are few; results to a large crowd row by row.
func (t *topic) usher(ctx context.Context) {
	var (
		displayed, newest uint64 // that everybody was sent, or may be sent at the next moment
		behind            int    // rows that were not sent what is newest
		owed              bool   // nor was somebody else
		results           = round{at: t.begun}
		hearts            = round{at: t.begun}
		timer             = time.NewTimer(0)
		all               []*seat
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
				results.due(now, pace)
			}
			newest, behind, owed = s.seq(), rows, false
		}
		if s.display() > displayed || behind > 0 && pace <= paceLeast {
			displayed, behind = s.display(), 0
			all = t.seats.take(all[:0], 0, rows)
			t.serveAll(all, s)
			// Results that came with it they have now. For those that come next the rounds go on.
		} else if behind > 0 {
			from, n := results.due(now, pace)
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
			ahead := 1 + t.seats.empty((results.last+1)%rows)
			wait = min(wait, max(paceMoment-time.Since(t.begun)%paceMoment, results.until(time.Now(), pace, ahead)))
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
	t.send(all, func(v *seat) []byte { return v.news(t.hub, s) })
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

// sendTo writes data, or what the network does not take at once in a goroutine that waits. v.mu is held, and v is not busy.
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
		t.hub.running.Go(func() { t.catchUp(v, data) })
	}
}

// news gives the frames of a state that the seat was not sent; it is sent them now. v.mu is held.
func (v *seat) news(h *hub, s *state) (data []byte) {
	n := 0
	for _, f := range s.frames {
		if f.seq <= v.seen {
			continue
		}
		v.seen = f.seq
		if n++; n == 1 {
			data = f.to(v.presenter) // mostly there is no other, and nothing to copy
		} else {
			data = append(data[:len(data):len(data)], f.to(v.presenter)...)
		}
	}
	if n > 0 {
		h.sent.Add(int64(n))
		v.guest.hears()
	}
	return data
}

// catchUp writes data, and what is displayed if that is newer by then. What else is new comes at the seat's next moment.
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
		if s.display() > v.seen {
			data = v.news(t.hub, s)
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

// seat has the usher send one of the crowd what is new, after head and what the topic shows, until leave is called.
func (t *topic) seat(g *guest, head []byte, presenter bool) (leave func()) {
	conn := g.conn
	v := &seat{conn: conn, guest: g, presenter: presenter, busy: true}
	if presenter {
		t.unveiled.Add(1)
	}
	if slot, ok := slotOf(conn); ok {
		if now := eventloop.NewWriter(slot); now != nil {
			v.now = now
		}
	}
	head = append(head, v.news(t.hub, t.state.Load())...)
	if t.seats.sit(v) {
		t.owe()
	}
	t.hub.running.Go(func() { t.catchUp(v, head) })
	return func() {
		t.seats.rise(v)
		if presenter {
			t.unveiled.Add(-1)
		}
	}
}

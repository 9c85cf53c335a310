package live

import (
	"io"
	"net"
	"sync"
	"time"
)

// rows is how finely the moments of a crowd, and its heartbeats, are told apart at most.
const rows = 100

// seats are the streams of a topic's crowd, in rows of about the same size. A row has its moment
// for bodies, one in every pace, and one for heartbeats. Thousands of writes in the same instant
// would hold up the votes for as long as they take.
//
// Nobody but the topic's usher writes to them, so an event costs little more than its write. A
// goroutine for each stream has to be awakened for it, and then again when its moment comes.
type seats struct {
	mu   sync.Mutex
	rows [rows][]*seat
	next int // the row where the next one sits down
}

// seat is the stream of one of the crowd.
type seat struct {
	conn    net.Conn
	guest   *guest
	now     io.Writer // takes what the network does without waiting; nil: a write may have to wait
	seesAll bool      // nothing is hidden
	row     int
	place   int // in the row; under seats.mu

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

// round goes through the rows at an even pace, once in every period. With another period it goes on
// from where it is, however old it is. A guest who comes or goes changes a crowd's pace, and must
// not move everybody's moment.
type round struct {
	last int       // the row that had its moment last
	at   time.Time // when that was
}

// due gives the rows whose moment has come since the last call: n from one on. At most it is all of
// them.
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

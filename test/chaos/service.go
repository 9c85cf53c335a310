package chaos

import (
	"net/http"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// service measures how long rooms were without success. Each room is looked at by itself: a
// partition that stands still must not hide behind three that go on. Of ratings, a talk is a room.
type service struct {
	mu    sync.Mutex
	ended bool
	last  []success // by room
	gap   time.Duration
	marks []*mark
	pause *pause
}

// pause is a time that an answer may span.
type pause struct {
	from, to time.Duration
	spanned  chan struct{} // closed when one has
}

// held is closed when a vote that was sent before now gets an answer of a replica's, whichever,
// after d has passed.
func (s *service) held(now, d time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = &pause{now, now + d, make(chan struct{})}
	return s.pause.spanned
}

// success is how a room fares. Its clock stands still while the slide is empty, for then nobody can
// have success; it never begins anew.
type success struct {
	accepted time.Duration // when a vote was last, by the room's clock
	empty    bool
	since    time.Duration // when the slide became empty, if it is
	idle     time.Duration // how long it was empty before
}

// at gives the time by the room's clock.
func (r *success) at(now time.Duration) time.Duration {
	if r.empty {
		now = min(now, r.since)
	}
	return now - r.idle
}

// mark waits for every room that is open to have success with a vote that was sent after it.
type mark struct {
	at                time.Duration
	rooms             []time.Duration         // the same, by the rooms' clocks
	accepted, counted map[int32]time.Duration // by room: how long it waited for the first
	resumed           chan struct{}           // closed when every room counts
}

// begin starts the clocks of the rooms, whose slides are empty.
func (s *service) begin(now time.Duration) {
	for i := range s.last {
		s.last[i] = success{empty: true, since: now, accepted: now}
	}
}

// opened adds a room, whose slide is empty.
func (s *service) opened(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = append(s.last, success{empty: true, since: now, accepted: now})
}

// mark begins to wait.
func (s *service) mark(now time.Duration) *mark {
	m := &mark{at: now, accepted: map[int32]time.Duration{}, counted: map[int32]time.Duration{},
		resumed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.last {
		m.rooms = append(m.rooms, s.last[i].at(now))
	}
	s.marks = append(s.marks, m)
	return m
}

// note takes an answer into account. It is called with what just came.
func (c *Crowd) note(r *room, cast *check.Cast) {
	c.sent.Add(1)
	if cast.Outcome() == check.Unknown {
		c.unknown.Add(1)
	}
	c.service.answered(cast)
	if cast.Outcome() == check.Acknowledged { // every other answer is no success
		c.service.success(r.number, cast.Sent, cast.Done, cast.Status == http.StatusNoContent)
	}
}

func (s *service) answered(cast *check.Cast) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pause; p != nil && cast.Status != 0 && !cast.Edge && cast.Sent < p.from &&
		cast.Done >= p.to {
		close(p.spanned)
		s.pause = nil
	}
}

// success takes down that what was sent for a room was acknowledged, and whether it counts.
func (s *service) success(room int32, sent, done time.Duration, counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	last := &s.last[room]
	s.longest(last, done)
	now := last.at(done)
	last.accepted = max(last.accepted, now)
	for _, m := range s.marks {
		m.note(room, sent, now, counts)
	}
}

// longest takes down how long a room has waited.
func (s *service) longest(last *success, now time.Duration) {
	if !s.ended {
		s.gap = max(s.gap, last.at(now)-last.accepted)
	}
}

// slide says whether a room's slide is empty from now on. It is not from the moment that the
// presenter wants it to show something: whatever holds that up is part of the wait.
func (s *service) slide(room int32, empty bool, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.last[room]
	s.longest(last, now)
	switch {
	case empty && !last.empty:
		last.since = now
	case !empty && last.empty:
		last.idle += now - last.since
	}
	last.empty = empty
}

// note takes down that a room had success, and how long it waited for it.
func (m *mark) note(room int32, sent, now time.Duration, counts bool) {
	if sent < m.at || int(room) >= len(m.rooms) { // it was opened later
		return
	}
	waited := now - m.rooms[room]
	if first(m.accepted, room, waited); counts && first(m.counted, room, waited) &&
		len(m.counted) == len(m.rooms) {
		close(m.resumed)
	}
}

// first notes how long a room waited for the first time, and says whether it is.
func first(times map[int32]time.Duration, room int32, waited time.Duration) bool {
	if _, ok := times[room]; ok {
		return false
	}
	times[room] = max(waited, 0)
	return true
}

// end stops the clocks: a room that waits still has waited until now.
func (s *service) end(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.last {
		s.longest(&s.last[i], now)
	}
	s.ended = true
}

// times gives how long after the mark the last room accepted and counted again.
func (s *service) times(m *mark) (accepted, counted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, waited := range m.accepted {
		accepted = max(accepted, waited)
	}
	for _, waited := range m.counted {
		counted = max(counted, waited)
	}
	return accepted, counted
}

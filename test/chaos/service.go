package chaos

import (
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// service measures how long rooms were without success. Each room is looked at by itself: a partition that stands
// still must not hide behind three that go on.
type service struct {
	mu    sync.Mutex
	ended bool
	last  []success // by room
	gap   time.Duration
	marks []*mark
}

// success is how a room fares.
type success struct {
	accepted time.Duration // when a vote was last
	shown    time.Duration // since when the slide is not empty
	empty    bool
}

// mark waits for every room to have success with a vote that was sent after it.
type mark struct {
	at                time.Duration
	accepted, counted map[int32]time.Duration // by room: how long it waited for the first
	rooms             int
	resumed           chan struct{} // closed when every room counts
}

// begin starts the clocks of the rooms.
func (s *service) begin(now time.Duration) {
	for i := range s.last {
		s.last[i] = success{accepted: now, empty: true}
	}
}

// mark begins to wait.
func (s *service) mark(now time.Duration) *mark {
	m := &mark{at: now, accepted: map[int32]time.Duration{}, counted: map[int32]time.Duration{}, rooms: len(s.last), resumed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks = append(s.marks, m)
	return m
}

// note takes an answer into account. It is called with what just came.
func (c *Crowd) note(r *room, cast *check.Cast) {
	c.sent.Add(1)
	if cast.Outcome() == check.Unknown || cast.Status == 400 {
		return
	}
	s := &c.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if cast.Status == 409 || s.ended { // an answer, and no success
		return
	}
	last := &s.last[r.number]
	s.longest(last, cast.Done)
	last.accepted = max(last.accepted, cast.Done)
	for _, m := range s.marks {
		m.note(r.number, cast, max(m.at, last.shown))
	}
}

// longest takes down how long a room has waited.
func (s *service) longest(last *success, now time.Duration) {
	if !last.empty && !s.ended {
		s.gap = max(s.gap, now-last.accepted)
	}
}

// slide says whether a room's slide is empty from now on: then nobody can have success, and nobody waits.
func (s *service) slide(room int32, empty bool, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.last[room]
	s.longest(last, now)
	if last.empty && !empty {
		last.accepted, last.shown = now, now
	}
	last.empty = empty
}

// note takes down that a room had success, and how long it waited for it.
func (m *mark) note(room int32, cast *check.Cast, since time.Duration) {
	if cast.Sent < m.at {
		return
	}
	if first(m.accepted, room, cast.Done-since); cast.Status == 204 && first(m.counted, room, cast.Done-since) && len(m.counted) == m.rooms {
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

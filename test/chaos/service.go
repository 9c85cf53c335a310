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

type success struct{ accepted, counted time.Duration } // when it was last

// mark waits for every room to have success with a vote that was sent after it.
type mark struct {
	at                time.Duration
	accepted, counted map[int32]time.Duration // by room: the first
	rooms             int
	resumed           chan struct{} // closed when every room counts
}

// begin starts the clocks of the rooms.
func (s *service) begin(now time.Duration) {
	for i := range s.last {
		s.last[i] = success{now, now}
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
	s.gap = max(s.gap, cast.Done-last.accepted)
	last.accepted = max(last.accepted, cast.Done)
	for _, m := range s.marks {
		m.note(r.number, cast)
	}
}

func (m *mark) note(room int32, cast *check.Cast) {
	if cast.Sent < m.at {
		return
	}
	if first(m.accepted, room, cast.Done); cast.Status == 204 && first(m.counted, room, cast.Done) && len(m.counted) == m.rooms {
		close(m.resumed)
	}
}

// first notes a room's first time, and says whether it is.
func first(times map[int32]time.Duration, room int32, at time.Duration) bool {
	if _, ok := times[room]; ok {
		return false
	}
	times[room] = at
	return true
}

// end stops the clocks: a room that waits still has waited until now.
func (s *service) end(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, last := range s.last {
		s.gap = max(s.gap, now-last.accepted)
	}
}

// times gives how long after the mark the last room accepted and counted again.
func (s *service) times(m *mark) (accepted, counted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range m.accepted {
		accepted = max(accepted, at-m.at)
	}
	for _, at := range m.counted {
		counted = max(counted, at-m.at)
	}
	return accepted, counted
}

package httpapi

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStreamOfTheCrowdHasNoGoroutine(t *testing.T) {
	const streams = 50
	r := newRoom(t)
	s, ln, stop := r.serving(2 * streams)
	defer stop()
	r.enter(ln)
	before := runtime.NumGoroutine()
	for range streams {
		r.enter(ln)
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+streams/5 }, 10*time.Second, time.Millisecond)
	open, _, _ := s.Streams()
	require.EqualValues(t, streams+1, open)
}

func TestStreamsThatHaveEndedLeaveNothing(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(99)
	defer stop()
	var viewers []*viewer
	for range 7 {
		viewers = append(viewers, r.enter(ln))
	}
	s.mu.RLock()
	hub := s.hub
	s.mu.RUnlock()
	hub.mu.Lock()
	topic := hub.topics[r.id]
	require.Equal(t, 7, topic.viewers)
	hub.mu.Unlock()
	require.EqualValues(t, 7, topic.crowd.Load())
	for _, v := range viewers {
		require.NoError(t, v.conn.Close())
	}
	require.Eventually(t, func() bool {
		hub.mu.Lock()
		defer hub.mu.Unlock()
		return topic.viewers == 0 && topic.crowd.Load() == 0 && hub.wanted.Load() == 0 && len(topic.seats.take(nil, 0, rows)) == 0
	}, 10*time.Second, time.Millisecond)
}

package polls

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
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+streams/5 },
		10*time.Second, time.Millisecond)
	open, _, _ := s.Streams()
	require.EqualValues(t, streams+1, open)
}

//go:build linux

package bench

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
)

func TestVotesApartAreThoseThatTouchNoMomentOfOthers(t *testing.T) {
	o := others{spans: []crowd.Span{{10, 20}, {15, 25}, {40, 50}}}
	all := []crowd.Span{{0, 9}, {0, 10}, {0, 99}, {12, 14}, {22, 24}, {25, 26}, {26, 39}, {26, 40}, {49, 60}, {50, 51}, {51, 60}}
	require.Equal(t, []crowd.Span{{0, 9}, {26, 39}, {51, 60}}, o.apart(all))
	require.Equal(t, all, (&others{}).apart(all))
}

func TestWhatOthersHaveRunIsRead(t *testing.T) {
	f, err := os.Open("/proc/thread-self/schedstat")
	if err != nil {
		t.Skip("this kernel does not tell:", err)
	}
	o := &others{threads: []*os.File{f}, ended: make(chan struct{})}
	defer o.stop()
	before := o.ran()
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; {
		_ = os.Getpid()
	}
	require.Greater(t, o.ran(), before)
	nice, ok := niceOf("/proc/self")
	require.True(t, ok)
	require.LessOrEqual(t, -20, nice)
	_, ok = niceOf("/proc/no-such")
	require.False(t, ok)
}

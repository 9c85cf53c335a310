package polls

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLatelyIsTheLastMinute(t *testing.T) {
	var l lately
	begun := time.Unix(1_700_000_000, 0)
	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	n, _ := l.most(begun)
	require.Zero(t, n)
	for _, c := range []struct{ seconds, address int }{{0, 7}, {0, -9}, {1, 7}, {15, 7}, {15, 7},
		{40, 7}, {41, -9}, {42, -9}, {43, -9}} {
		l.add(at(c.seconds), int64(c.address))
	}
	for _, c := range []struct{ seconds, n, address int }{{43, 5, 7}, {59, 5, 7}, {61, 3, -9},
		{80, 3, -9}, {95, 3, -9}, {101, 0, 0}, {9999, 0, 0}} {
		n, address := l.most(at(c.seconds))
		require.Equal(t, []int{c.n, c.address}, []int{n, int(address)}, "after %d s", c.seconds)
	}
}

func TestAClockThatGoesBackCountsOn(t *testing.T) {
	var l lately
	now := time.Unix(1_700_000_000, 0)
	l.add(now, 1)
	l.add(now.Add(-time.Hour), 1)
	n, _ := l.most(now)
	require.Equal(t, 2, n)
}

func TestWhatLatelyTellsApartIsBounded(t *testing.T) {
	var l lately
	now := time.Unix(1_700_000_000, 0)
	for address := range int64(latelyMost + 100) {
		l.add(now, address)
	}
	l.add(now, 0)
	n, address := l.most(now)
	require.Equal(t, []int64{2, 0}, []int64{int64(n), address})
	require.Len(t, l.steps[l.newest%latelySteps], latelyMost)
}

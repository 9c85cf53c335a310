package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATopicIsLookedAtEverMoreRarelyUntilItHearsOfAnything(t *testing.T) {
	const s = time.Second
	begun := time.Now()
	after := func(q quiet) time.Duration { return q.at.Sub(begun) }
	var q quiet
	q.heard(begun)
	for _, want := range []time.Duration{1 * s, 3 * s, 7 * s, 15 * s, 30 * s, 45 * s} {
		require.Equal(t, want, after(q))
		q.looked(q.at, false)
	}
	q.heard(begun.Add(50 * s))
	require.Equal(t, 51*s, after(q), "at once, and not when its time has come")
	for at := 50 * s; at < 60*s; at += s / 10 { // it hears of votes all the time
		if q.heard(begun.Add(at)); after(q) <= at {
			q.looked(begun.Add(at), false)
		}
		require.LessOrEqual(t, after(q), at+2*s)
	}
	q.looked(begun.Add(70*s), true)
	require.Equal(t, 71*s, after(q), "what a look finds is news")
}

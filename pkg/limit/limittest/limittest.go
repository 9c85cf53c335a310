// Package limittest is the conformance suite of limit.Counter.
package limittest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/limit"
)

// Clock is a clock that tests set.
type Clock struct{ at atomic.Int64 }

// NewClock makes a clock.
func NewClock() *Clock {
	c := &Clock{}
	c.at.Store(time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.UTC).UnixNano())
	return c
}

// Now gives its time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.at.Load()) }

// Advance sets it forth, or back.
func (c *Clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

// Fresh makes a counter that counts by a rule and by a clock, and of which no other test knows.
type Fresh func(t *testing.T, rule limit.Rule, now func() time.Time) limit.Counter

// Run tests a counter.
func Run(t *testing.T, fresh Fresh) {
	for name, test := range map[string]func(*testing.T, Fresh){
		"a crowd at once gets as many as a minute has": crowd,
		"a tenth comes back in each tenth of a minute": comesBack,
		"both bounds hold":                                bothHold,
		"a refusal uses nothing of any bound":             refusalUsesNothing,
		"keys do not know each other":                     keysApart,
		"an answer tells of the bound that has the least": tightest,
		"the zero rule sets no bound":                     noBound,
		"a clock that goes back gives nothing away":       clockBack,
		"every counter answers as the one in memory":      asInMemory,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh) })
	}
}

func try(t require.TestingT, c limit.Counter, key string) limit.Answer {
	a, err := c.Take(context.Background(), key)
	require.NoError(t, err)
	return a
}

func crowd(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 100, PerSecond: 200}, clock.Now)
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			for range 10 {
				if try(t, c, "hall").OK() {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 100, allowed.Load())
}

func comesBack(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 100}, clock.Now)
	for left := 99; left >= 0; left-- {
		a := try(t, c, "a")
		require.True(t, a.OK())
		require.Equal(t, 100, a.Limit)
		require.Equal(t, left, a.Remaining)
		require.Equal(t, time.Duration((100-left+9)/10)*6*time.Second, a.Reset)
	}
	clock.Advance(2 * time.Second)
	a := try(t, c, "a")
	require.Equal(t, limit.Answer{Limit: 100, Reset: 58 * time.Second, Wait: 4 * time.Second}, a)
	clock.Advance(4*time.Second - time.Microsecond)
	require.False(t, try(t, c, "a").OK())
	clock.Advance(time.Microsecond)
	for range 10 {
		require.True(t, try(t, c, "a").OK())
	}
	require.Equal(t, 6*time.Second, try(t, c, "a").Wait)
	clock.Advance(time.Minute)
	require.Equal(t, 99, try(t, c, "a").Remaining, "all of it, and no more")
}

func bothHold(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 100, PerSecond: 20}, clock.Now)
	allowed := func() (n int) {
		for try(t, c, "a").OK() {
			n++
		}
		return n
	}
	require.Equal(t, 20, allowed(), "as many as a second has")
	require.Equal(t, 100*time.Millisecond, try(t, c, "a").Wait)
	total := 20
	for range 40 {
		clock.Advance(100 * time.Millisecond)
		total += allowed()
	}
	require.Equal(t, 100, total, "as many as a minute has")
	require.Equal(t, 2*time.Second, try(t, c, "a").Wait)
}

func refusalUsesNothing(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 1000, PerSecond: 1}, clock.Now)
	require.True(t, try(t, c, "a").OK())
	for range 2000 { // which the minute would not have
		require.False(t, try(t, c, "a").OK())
	}
	clock.Advance(time.Second)
	require.True(t, try(t, c, "a").OK())
}

func keysApart(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 1}, clock.Now)
	keys := []string{
		"", "a", "A", "a ", "ä", "192.0.2.1/32", "2001:db8::/64", "\x00", "\xff", "a\r\nb", "{a}b",
		string(make([]byte, 1000)),
	}
	for _, key := range keys {
		require.True(t, try(t, c, key).OK(), "%q", key)
	}
	for _, key := range keys {
		require.False(t, try(t, c, key).OK(), "%q", key)
	}
}

func tightest(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 100, PerSecond: 40}, clock.Now)
	second := limit.Answer{Limit: 40, Remaining: 39, Reset: 100 * time.Millisecond}
	require.Equal(t, second, try(t, c, "a"))
	for range 39 {
		try(t, c, "a")
	}
	require.Equal(t, 40, try(t, c, "a").Limit, "the one that refuses")
	clock.Advance(time.Second)
	require.Equal(t, second, try(t, c, "a"))
	for range 24 {
		clock.Advance(100 * time.Millisecond)
		try(t, c, "a")
	}
	clock.Advance(100 * time.Millisecond)
	minute := limit.Answer{Limit: 100, Remaining: 34, Reset: 38500 * time.Millisecond}
	require.Equal(t, minute, try(t, c, "a"))
}

func noBound(t *testing.T, fresh Fresh) {
	c := fresh(t, limit.Rule{}, NewClock().Now)
	for range 1000 {
		require.Equal(t, limit.Answer{}, try(t, c, "a"))
	}
}

func clockBack(t *testing.T, fresh Fresh) {
	clock := NewClock()
	c := fresh(t, limit.Rule{PerMinute: 2}, clock.Now)
	require.True(t, try(t, c, "a").OK())
	clock.Advance(-time.Hour)
	require.True(t, try(t, c, "a").OK())
	a := try(t, c, "a")
	require.Equal(t, 30*time.Second, a.Wait)
	clock.Advance(time.Hour + 30*time.Second)
	require.True(t, try(t, c, "a").OK())
	require.False(t, try(t, c, "a").OK())
}

// asInMemory tries any rule in any order of tries and pauses.
func asInMemory(t *testing.T, fresh Fresh) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		rule := limit.Rule{
			PerMinute: rapid.SampledFrom([]int{0, 1, 7, 13, 100, 1_000_000}).Draw(rt, "a minute"),
			PerSecond: rapid.SampledFrom([]int{0, 1, 3, 9, 200}).Draw(rt, "a second"),
		}
		clock := NewClock()
		c, memory := fresh(t, rule, clock.Now), limit.NewMemory(rule, clock.Now)
		n++
		for range rapid.IntRange(1, 30).Draw(rt, "tries") {
			clock.Advance(time.Duration(rapid.Int64Range(0, 7_000_000).Draw(rt, "µs")) * 1000)
			key := strconv.Itoa(n) + rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key")
			require.Equal(rt, try(rt, memory, key), try(rt, c, key))
		}
	})
}

package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func TestAKeyMayDoABurstAndThenItsShareOfEachMinute(t *testing.T) {
	var c clock
	l := New[string](Rate{PerMinute: 60, Burst: 3}, c.now)
	for range 3 {
		require.Zero(t, l.Take("a"))
	}
	require.Equal(t, time.Second, l.Take("a"))
	require.Equal(t, time.Second, l.Take("a"), "a refusal takes nothing")
	require.Zero(t, l.Take("b"), "others have their own")
	c.advance(time.Second)
	require.Zero(t, l.Take("a"))
	require.Equal(t, time.Second, l.Take("a"))
}

func TestAKeyMayDoABurstAndThenItsShareOfEachHour(t *testing.T) {
	var c clock
	l := New[string](Rate{PerHour: 2, Burst: 2}, c.now)
	for range 2 {
		require.Zero(t, l.Take("a"))
	}
	require.InDelta(t, 30*time.Minute, l.Take("a"), float64(time.Millisecond))
	c.advance(31 * time.Minute)
	require.Zero(t, l.Take("a"))
	require.NotZero(t, l.Take("a"))
	c.advance(10 * time.Hour)
	for range 2 {
		require.Zero(t, l.Take("a"))
	}
	require.NotZero(t, l.Take("a"))
}

func TestWhoOnlyAsksTakesNothing(t *testing.T) {
	var c clock
	l := New[string](Rate{PerMinute: 6, Burst: 1}, c.now)
	for range 5 {
		require.Zero(t, l.Wait("a"))
	}
	require.Zero(t, l.Take("a"))
	require.Equal(t, 10*time.Second, l.Wait("a"))
}

func TestExactlyTheBurstPassesOfManyAtOnce(t *testing.T) {
	var c clock
	l := New[int](Rate{PerMinute: 1, Burst: 100}, c.now)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if l.Take(1) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 100, passed.Load())
}

func TestATokenThatIsGivenBackMayBeTakenAgain(t *testing.T) {
	var c clock
	l := New[string](Rate{PerMinute: 1, Burst: 2}, c.now)
	for range 10 {
		require.Zero(t, l.Take("a"))
		c.advance(time.Millisecond) // what it was taken for lasts
		l.Give("a")
	}
	for range 3 {
		l.Give("a") // which took none
		l.Give("b") // of which nothing is known
	}
	for range 2 {
		require.Zero(t, l.Take("a"))
		require.Zero(t, l.Take("b"))
	}
	require.InDelta(t, time.Minute, l.Take("a"), float64(time.Second), "no more than the burst")
	require.InDelta(t, time.Minute, l.Take("b"), float64(time.Second))
	l.Give("a")
	require.Zero(t, l.Take("a"))
	New[string](Rate{}, c.now).Give("a") // which knows no tokens
}

func TestTheZeroRateSetsNoBound(t *testing.T) {
	l := New[int](Rate{}, time.Now)
	for range 1000 {
		require.Zero(t, l.Take(1))
	}
}

func TestWhatALimiterRemembersIsBounded(t *testing.T) {
	var c clock
	l := New[int](Rate{PerMinute: 1, Burst: 1}, c.now)
	for key := range maxKeys + 10 {
		require.Zero(t, l.Take(key))
	}
	require.Equal(t, maxKeys, l.buckets.Len())
	require.NotZero(t, l.Take(maxKeys), "the newest is known")
}

func TestASubscriberIsOneAddress(t *testing.T) {
	for name, c := range map[string]struct{ addr, want string }{
		"IPv4":           {"192.0.2.7", "192.0.2.7/32"},
		"IPv4 in IPv6":   {"::ffff:192.0.2.7", "192.0.2.7/32"},
		"IPv6":           {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		"IPv6, a zone":   {"fe80::1%eth0", "fe80::/64"},
		"IPv6 localhost": {"::1", "::/64"},
	} {
		require.Equal(t, c.want, Address(netip.MustParseAddr(c.addr)).String(), name)
	}
	require.Equal(t, netip.Prefix{}, Address(netip.Addr{}))
}

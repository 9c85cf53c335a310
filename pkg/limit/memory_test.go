package limit_test

import (
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/limit/limittest"
)

func TestTheCounterInMemoryConforms(t *testing.T) {
	limittest.Run(t, func(_ *testing.T, rule limit.Rule, now func() time.Time) limit.Counter {
		return limit.NewMemory(rule, now)
	})
}

func TestWhatACounterInMemoryRemembersIsBounded(t *testing.T) {
	const most = 100_000
	m := limit.NewMemory(limit.Rule{PerMinute: 1}, limittest.NewClock().Now)
	for i := range most + 10 {
		a, err := m.Take(t.Context(), strconv.Itoa(i))
		require.NoError(t, err)
		require.True(t, a.OK())
	}
	for i := most; i < most+10; i++ {
		a, err := m.Take(t.Context(), strconv.Itoa(i))
		require.NoError(t, err)
		require.False(t, a.OK(), "the newest are known")
	}
	a, err := m.Take(t.Context(), "0")
	require.NoError(t, err)
	require.True(t, a.OK(), "the oldest is forgotten")
}

func TestAFloodOfAddressesTakesABoundedMemory(t *testing.T) {
	m := limit.NewMemory(limit.Rule{PerMinute: 100, PerSecond: 200}, time.Now)
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			a := netip.AddrFrom16([16]byte{
				0x20, 0x01, 0x0d, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i), 8: byte(i),
			})
			_, err := m.Take(t.Context(), "address:"+limit.Address(a).String())
			require.NoError(t, err)
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	flood(0, 120_000)
	full := heap()
	require.Less(t, full-before, uint64(48<<20))
	flood(120_000, 1_120_000)
	require.Less(t, heap(), full+4<<20, "a million more take no more")
	runtime.KeepAlive(m)
}

func TestANetworkOfIPv6HasOneKeyHoweverManyAddressesItHas(t *testing.T) {
	m := limit.NewMemory(limit.Rule{PerMinute: 100}, limittest.NewClock().Now)
	allowed := 0
	for i := range 1000 {
		a := netip.AddrFrom16([16]byte{
			0x20, 0x01, 0x0d, 0xb8, 7: 1, 8: byte(i >> 8), 15: byte(i),
		})
		answer, err := m.Take(t.Context(), limit.Address(a).String())
		require.NoError(t, err)
		if answer.OK() {
			allowed++
		}
	}
	require.Equal(t, 100, allowed)
}

func TestTokensComeBackInTenthsOfThePeriod(t *testing.T) {
	for rule, want := range map[limit.Rule][]limit.Bound{
		{}: nil,
		{PerMinute: 100, PerSecond: 200}: {
			{Size: 100, Step: 10, Every: 6 * time.Second},
			{Size: 200, Step: 20, Every: 100 * time.Millisecond},
		},
		{PerMinute: 1}:         {{Size: 1, Step: 1, Every: time.Minute}},
		{PerSecond: 3}:         {{Size: 3, Step: 1, Every: 333_333 * time.Microsecond}},
		{PerMinute: 15}:        {{Size: 15, Step: 2, Every: 8 * time.Second}},
		{PerMinute: 1_000_000}: {{Size: 1_000_000, Step: 100_000, Every: 6 * time.Second}},
	} {
		require.Equal(t, want, rule.Bounds(), "%+v", rule)
	}
}

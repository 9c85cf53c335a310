package limit_test

import (
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

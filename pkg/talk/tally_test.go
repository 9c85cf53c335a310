package talk

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAverageIsExactButForOneRounding(t *testing.T) {
	mean, ok := meanOf(0, 10, 20, 30, 40, 50, 60) // 0 ten times, 1 twenty times …
	require.True(t, ok)
	require.Equal(t, 3.3333333333333335, mean)
	mean, ok = Tally{0, 1, 0, 3, 1}.Average()
	require.True(t, ok)
	require.Equal(t, 3.8, mean)
	mean, ok = Tally{1, 1, 1, 1, 2}.Average()
	require.True(t, ok)
	require.Equal(t, 20.0/6, mean)
	_, ok = Tally{}.Average()
	require.False(t, ok, "there is none of no ratings")
	const many = 1 << 50
	mean, _ = Tally{4: many}.Average()
	require.Equal(t, 5.0, mean)
}

func TestTheMedianIsTheOneInTheMiddleOrBetweenTheTwo(t *testing.T) {
	for _, c := range []struct {
		tally Tally
		want  float64
	}{
		{Tally{4: 1}, 5}, {Tally{1, 1, 1, 1, 2}, 3.5}, {Tally{0, 1, 0, 3, 1}, 4},
		{Tally{1, 0, 0, 0, 1}, 3}, {Tally{2, 1}, 1}, {Tally{1, 1}, 1.5}, {Tally{0: 3, 4: 4}, 5},
	} {
		got, ok := c.tally.Median()
		require.True(t, ok)
		require.Equal(t, c.want, got, c.tally)
	}
	_, ok := Tally{}.Median()
	require.False(t, ok)
}

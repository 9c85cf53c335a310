package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCountingCostIsPerVoteAndTheMedianOfTheRounds(t *testing.T) {
	before := Cost{CPU: 1000, WAL: 5000, Images: 10, Reads: 20, Written: 30}
	cost := Cost{CPU: 3000, WAL: 805_000, Images: 110, Reads: 70, Written: 30}.Since(before, 100)
	require.Equal(t, Cost{CPU: 20, WAL: 8000, Images: 1, Reads: .5, Written: 0}, cost)

	size := Size{Votes: 10_000, Bytes: 3 << 20, CountNew: []float64{100_000}, CountLargest: []float64{40_000, 50_000, 60_000},
		Costs: map[string][]Cost{IntoLargest: {{CPU: 30}, cost, {CPU: 10}}}}
	g := &Growth{Sizes: []Size{size}}
	require.Contains(t, g.table(), "| 10,000 | a new poll | 100,000 | – | – | – | – | – |\n")
	require.Contains(t, g.table(), "| 10,000 | the largest poll | 50,000 (40,000–60,000) | 20.0 | 0 | 0.00 | 0.00 | 0.00 |\n")
	a := &Alternatives{Ways: []Alternative{{"another table", size}}}
	require.Contains(t, a.table(), "| another table | 10,000 | 3 | the largest poll | 50,000 (40,000–60,000) | 20.0 |")

	g.Sizes[0].Costs = nil
	require.NotContains(t, g.table(), "the largest poll, again", "a PostgreSQL that cannot tell says nothing")
}

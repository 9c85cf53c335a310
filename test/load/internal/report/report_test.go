package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// closed is a round of the closed loop; cpu is that of the servers and of wrk, in µs.
func closed(of string, connections, rate, servers, wrk float64) Load {
	return Load{of, connections, 0, map[string]float64{Rate: rate, CPU: servers, CPU +
		" wrk": wrk}}
}

// With 12 µs for a request and 4 for a row, three of four requests can be votes.
func TestTheCeilingIsWhatTheBulkInsertLeavesOfTheNoOp(t *testing.T) {
	r := Results{
		"throughput": {Loads: []Load{
			closed(NoOp, 64, 160_000, 8, 4), closed(Plenary, 64, 60_000, 40, 6),
			closed(Plenary+Embedded, 64, 40_000, 40, 6),
			closed(NoOp, 512, 100_000, 12, 8), closed(Plenary, 512, 60_000, 40, 6),
			closed(NoOp+NGINX, 64, 50_000, 30, 6), closed(Plenary+NGINX, 64, 10_000, 100, 6),
			closed(NoOp, 256, 100_000, 10, 6), closed(Plenary, 256, 30_000, 40, 6),
			closed(Transaction, 256, 5_000, 40, 6),
		}},
		"bulk": {Loads: []Load{{Bulk, 5000, 0, map[string]float64{CPU: 4}}}},
	}
	table := r.Targets()
	require.Contains(t, table, "| 0.75 / 0.83 | 0.38 / 0.60 | **missed** |",
		"12 of 12 + 4, and 20 of 20 + 4")
	require.Contains(t, table, "| 0.90 | 0.20 | **missed** |", "36 of 36 + 4")
	require.Contains(t, table, "| – | 0.25 | **missed** |", "SQLite's insert is another one")
	require.Contains(t, table, "| 16 | 6 | **missed** |",
		"80 % of the no-op's rate is 16 times the rival's")

	delete(r, "bulk")
	require.Contains(t, r.Targets(), "| – | 0.38 / 0.60 | **missed** |",
		"a ceiling needs the insert")
}

func TestARatioIsTheMedianOfTheRounds(t *testing.T) {
	p := &Part{}
	for round, rates := range [][2]float64{{10, 20}, {30, 30}, {90, 30}} {
		p.Loads = append(p.Loads, Load{Plenary, 64, round, map[string]float64{Rate: rates[0]}},
			Load{NoOp, 64, round, map[string]float64{Rate: rates[1]}})
	}
	ratio, ok := p.ratio(key{Plenary, 64, Rate}, key{NoOp, 64, Rate})
	require.True(t, ok)
	require.Equal(t, 1., ratio)
	_, ok = p.ratio(key{Plenary, 64, Rate}, key{Several, 64, Rate})
	require.False(t, ok)
}

func TestViewersMeetTheirTargetOnlyIfEveryStreamOfEveryRoundWasRight(t *testing.T) {
	r := Results{"viewers": {}}
	for round, wrong := range []float64{0, 0, 0} {
		r["viewers"].Loads = append(r["viewers"].Loads,
			Load{Plenary, Viewers, round, map[string]float64{"wrong": wrong}})
	}
	require.Contains(t, r.Targets(), "wrong | ≤ 0 | – | 0 | met |")
	r["viewers"].Loads[1].Values["wrong"] = 1
	require.Contains(t, r.Targets(), "wrong | ≤ 0 | – | 1 | **missed** |")
}

func TestWhatWasNotMeasuredSaysNothing(t *testing.T) {
	require.NotContains(t, Results{}.Targets(), " met |")
	require.NotContains(t, Results{}.Targets(), "missed")
	require.Equal(t, "Not measured yet.\n", Results{}.tables()["throughput"])
}

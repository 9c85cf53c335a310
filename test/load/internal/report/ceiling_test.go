package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// closedLoop is a load of one round on a machine of two processors; cpu is that of the servers and of wrk, in µs.
func closedLoop(contestant string, connections int, rate, servers, wrk float64) Closed {
	return Closed{Contestant: contestant, Connections: connections, Seconds: 1, Acknowledged: int64(rate),
		CPU: map[string]float64{"api": servers, "wrk": wrk}}
}

func bulkOf(how string, postgresql, writer float64) BulkLoad {
	return BulkLoad{How: how, Batch: 5000, CPU: map[string]float64{"postgresql": postgresql, "writer": writer}}
}

// What is asked of the ceiling: with 12 µs for a request and 4 for a row, three of four requests can be votes.
func TestTheCeilingIsWhatTheBulkInsertLeavesOfTheNoOp(t *testing.T) {
	r := Results{
		Throughput: &Throughput{Run: Run{Machine: Machine{Cores: 2}}, Loads: []Closed{
			closedLoop(NoOp, 64, 160_000, 8, 4), closedLoop(Plenary, 64, 60_000, 40, 6), closedLoop(Embedded, 64, 40_000, 40, 6),
			closedLoop(NoOp, 512, 100_000, 12, 8), closedLoop(Plenary, 512, 60_000, 40, 6),
			closedLoop(NoOpNGINX, 64, 50_000, 30, 6), closedLoop(PlenaryNGINX, 64, 10_000, 100, 6),
		}},
		Bulk: &Bulk{Loads: []BulkLoad{bulkOf(RawUnnest, 3, 1), bulkOf(RawSQLite, 0, 6)}},
	}
	f := r.figures()
	require.Contains(t, f[0].String(), "| 0.75 / 0.83 | 0.38 / 0.60 |", "12 of 12 + 4, and 20 of 20 + 4")
	require.Contains(t, f[1].String(), "| 0.90 | 0.20 |", "36 of 36 + 4")
	require.Contains(t, f[2].String(), "| 0.67 | 0.25 |", "12 of 12 + 6: SQLite's own insert")
	require.Contains(t, r.targets(), "it and wrk used 1.92 / 2.00 / 0.00 of 2, through NGINX 1.80 / 0.00 / 0.00.")

	r.Bulk = nil
	require.Contains(t, r.figures()[0].String(), "| – | 0.38 / 0.60 |", "a ceiling needs the insert")
	require.NotContains(t, r.targets(), "ceiling of this machine* is")
}

func TestTheRivalIsItsFastestVariantThatKeepsATally(t *testing.T) {
	r := Results{
		Throughput: &Throughput{Loads: []Closed{
			closedLoop(NoOp, 256, 100_000, 10, 6), closedLoop(Plenary, 256, 30_000, 40, 6), closedLoop(Insert, 256, 15_000, 40, 6),
			closedLoop(Transaction, 256, 2_000, 40, 6), closedLoop(StatementFew, 256, 5_000, 40, 6), closedLoop(Statement, 256, 4_000, 40, 6),
		}},
		Bulk: &Bulk{Loads: []BulkLoad{bulkOf(RawUnnest, 3, 1)}},
	}
	require.Contains(t, r.figures()[3].String(), "| 16.0 | 6.0 ("+StatementFew+"; 2.0 × one that only inserts) | **missed** |",
		"80 % of the no-op's rate is 16 times the rival's")

	r.Throughput.Loads = r.Throughput.Loads[:4]
	require.Contains(t, r.figures()[3].String(), "| 40.0 | 15.0 ("+Transaction+"; 2.0 × one that only inserts) |")
	r.Throughput.Loads = r.Throughput.Loads[:3]
	require.Contains(t, r.figures()[3].String(), "not measured", "one that only inserts is no rival: its results would count rows")
}

package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSessionsThatWaitForALockAreTheMeanOfAllLooks(t *testing.T) {
	few, many := closedLoop(Statement, 64, 5000, 40, 6), closedLoop(Statement, 256, 5000, 40, 6)
	few.Looks, few.Waiting, many.Looks, many.Waiting = 100, 700, 300, 2500
	table := (&Throughput{Loads: []Closed{few, many, closedLoop(NoOp, 64, 100_000, 8, 4)}}).table()
	require.Regexp(t, `\| `+Statement+` \|.*\| 0 \| 8\.0 \|\n`, table)
	require.Regexp(t, `\| `+NoOp+` \|.*\| 0 \| – \|\n`, table, "where nobody looked, nobody knows")
}

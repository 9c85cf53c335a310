package pollpg

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polltest"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

func BenchmarkCount(b *testing.B) {
	polltest.Benchmark(b, func(b *testing.B) polltest.Store {
		return begin(b, postgres.Config{URL: stack.PostgresURL(b)})
	})
}

func BenchmarkWords(b *testing.B) {
	polltest.BenchmarkWords(b, func(b *testing.B) polltest.Store {
		return begin(b, postgres.Config{URL: stack.PostgresURL(b)})
	})
}

// BenchmarkRoundTrips sends what a counting transaction sends in three ways. It sends its two
// functions, as the store does; six prepared statements; and six that are parsed and planned each
// time. They take turns, so that what else the machine does meets all of them. The figures are the
// medians of a transaction's microseconds, with BEGIN and COMMIT.
func BenchmarkRoundTrips(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			url := stack.PostgresURL(b)
			s := begin(b, postgres.Config{URL: url, MaxConns: 1})
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			require.NoError(b, s.Partitions(b.Context(), 1))
			shown := talk(b, s).Polls[0].ID
			const settings = "&binary_parameters=yes&plan_cache_mode=force_generic_plan" +
				"&enable_seqscan=off&jit=off"
			plain := sqlx.MustOpen("postgres", url+settings)
			b.Cleanup(func() { require.NoError(b, plain.Close()) })
			oneByOne := oneByOne(b, s)
			kept := func(calls []said) {
				require.NoError(b, s.Write(b.Context(), "sent",
					func(tx *sqlx.Tx) error { return send(b, tx, calls) }))
			}
			unkept := func(calls []said) {
				tx := plain.MustBeginTx(b.Context(),
					&sql.TxOptions{Isolation: sql.LevelReadCommitted})
				require.NoError(b, send(b, tx, calls))
				require.NoError(b, tx.Commit())
			}
			ways := []struct {
				name  string
				calls func(claimed, settled []any) []said
				send  func([]said)
			}{{"functions", inFunctions, kept}, {"prepared", oneByOne, kept}, {"plain", oneByOne,
				unkept}}
			took := make([][]time.Duration, len(ways))
			for b.Loop() {
				for _, i := range rand.Perm(len(ways)) { // who follows plain finds cold caches
					claimed, settled := transactionOf(b, votes(shown, "A", voters(size)))
					calls := ways[i].calls(claimed, settled)
					began := time.Now()
					ways[i].send(calls)
					took[i] = append(took[i], time.Since(began))
				}
			}
			for i, way := range ways {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds()), way.name+"-µs")
			}
		})
	}
}

// transactionOf gives the parameters of both functions where all votes of a batch, for one poll,
// are counted.
func transactionOf(b *testing.B, batch poll.Batch) (claimed, settled []any) {
	rows := make([]*poll.Vote, len(batch.Votes))
	for i := range rows {
		rows[i] = &batch.Votes[i]
	}
	arrays := voteArrays(rows)
	states, err := stateArrays([]poll.PollState{{PollID: rows[0].PollID,
		State: poll.State{Status: poll.Open, Opened: 1, Counts: []int64{1, 0}}}})
	require.NoError(b, err)
	one := func(id uuid.UUID) []byte {
		return postgres.UUIDArray(1,
			func(int) uuid.UUID { return id })
	}
	words, more := wordArrays(nil)
	partition := postgres.Int32Array(1, func(int) int32 { return 0 })
	return []any{partition, one(rows[0].PollID), one(batch.ID), arrays[0], arrays[1]},
		slices.Concat(arrays, words, states, more, []any{question.PresentFold})
}

// said is a statement with its parameters.
type said struct {
	query string
	args  []any
	reads bool // its answer is of interest
}

func inFunctions(claimed, settled []any) []said {
	return []said{{claimCall, claimed, true}, {settleCall, settled, false}}
}

// oneByOne gives what the functions run, but the statements of words, of which there are none.
func oneByOne(b *testing.B, s *testStore) func(claimed, settled []any) []said {
	claim, settle := functionOf(b, s, "count_claim_2"), functionOf(b, s, "count_settle_1")
	return func(claimed, settled []any) (all []said) {
		for _, query := range claim.statements {
			all = append(all, alone(claim.types, query, claimed))
			all[len(all)-1].reads = true
		}
		for _, i := range []int{0, len(settle.statements) - 1} { // votes and states
			all = append(all, alone(settle.types, settle.statements[i], settled))
		}
		return all
	}
}

var parameter = regexp.MustCompile(`\$(\d+)(::[a-z]+(\[\])?)?`)

// alone makes a statement of a function one that can be sent without it: its parameters count from
// 1 and say their types.
func alone(types, query string, args []any) (c said) {
	names, places := strings.Split(types, ","), map[int]int{}
	c.query = parameter.ReplaceAllStringFunc(query, func(text string) string {
		n, _ := strconv.Atoi(parameter.FindStringSubmatch(text)[1]) // digits
		if places[n] == 0 {
			c.args = append(c.args, args[n-1])
			places[n] = len(c.args)
		}
		return fmt.Sprintf("$%d::%s", places[n], strings.TrimSpace(names[n-1]))
	})
	return c
}

// send sends statements in a transaction.
func send(b *testing.B, tx *sqlx.Tx, all []said) error {
	for _, c := range all {
		var err error
		if c.reads {
			err = read(b.Context(), tx, c)
		} else {
			_, err = tx.ExecContext(b.Context(), c.query, c.args...)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.query, err)
		}
	}
	return nil
}

func read(ctx context.Context, tx *sqlx.Tx, c said) error {
	rows, err := tx.QueryContext(ctx, c.query, c.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has said it
	for rows.Next() {
	}
	return rows.Err()
}

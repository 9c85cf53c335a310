package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
	"github.com/plenary-live/plenary/pkg/poll/storetest"
	"github.com/plenary-live/plenary/test/stack"
)

func BenchmarkCount(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) poll.Store {
		s, err := Open(b.Context(), Config{URL: stack.PostgresURL(b)})
		require.NoError(b, err)
		return s
	})
}

func BenchmarkWords(b *testing.B) {
	storetest.BenchmarkWords(b, func(b *testing.B) poll.Store {
		s, err := Open(b.Context(), Config{URL: stack.PostgresURL(b)})
		require.NoError(b, err)
		return s
	})
}

// BenchmarkRoundTrips sends what a counting transaction sends in three ways: in its two routines, as the store does; as six
// prepared statements; and as six that are parsed and planned each time. They take turns, so that what else the machine does
// meets all of them. The figures are the medians of a transaction's microseconds, with BEGIN and COMMIT.
func BenchmarkRoundTrips(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			url := stack.PostgresURL(b)
			s, err := Open(b.Context(), Config{URL: url, MaxConns: 1})
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			require.NoError(b, s.Partitions(b.Context(), 1))
			shown := talk(b, s).Polls[0].ID
			cfg, err := Config{URL: url}.driverConfig()
			require.NoError(b, err)
			plain := sqlx.NewDb(sql.OpenDB(unprepared{working(cfg)}), "postgres")
			b.Cleanup(func() { require.NoError(b, plain.Close()) })
			ways := []struct {
				name  string
				db    *sqlx.DB
				calls func(claimed, settled []any) []call
			}{
				{"routines", s.db, inRoutines}, {"prepared", s.db, oneByOne}, {"plain", plain, oneByOne},
			}
			took := make([][]time.Duration, len(ways))
			for b.Loop() {
				for _, i := range rand.Perm(len(ways)) { // who follows plain finds cold caches
					way := ways[i]
					claimed, settled := transactionOf(b, votes(shown, "A", voters(size)))
					calls := way.calls(claimed, settled)
					began := time.Now()
					send(b, way.db, calls)
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

// transactionOf gives the parameters of both routines where all votes of a batch, for one poll, are counted.
func transactionOf(b *testing.B, batch poll.Batch) (claimed, settled []any) {
	rows := make([]*poll.Vote, len(batch.Votes))
	for i := range rows {
		rows[i] = &batch.Votes[i]
	}
	arrays := voteArrays(rows)
	states, err := stateArrays([]poll.PollState{{PollID: rows[0].PollID, State: poll.State{Status: poll.Open, Opened: 1, Counts: []int64{1, 0}}}})
	require.NoError(b, err)
	one := func(id uuid.UUID) []byte { return uuidArray(1, func(int) uuid.UUID { return id }) }
	words, more := wordArrays(nil)
	return []any{0, one(rows[0].PollID), one(batch.ID), arrays[0], arrays[1]}, slices.Concat(arrays, words, states, more)
}

type call struct {
	query string
	args  []any
	reads bool // its answer is of interest
}

func inRoutines(claimed, settled []any) []call {
	return []call{{claimCall, claimed, true}, {settleCall, settled, false}}
}

// oneByOne gives what the routines run, but the statements of words, of which there are none.
func oneByOne(claimed, settled []any) (calls []call) {
	for _, query := range []string{lockPartition, lockAccounts, recordBatches, readOld} {
		calls = append(calls, alone(claimTypes, query, claimed))
		calls[len(calls)-1].reads = true
	}
	for _, query := range []string{upsertVotes, updateStates(11)} {
		calls = append(calls, alone(settleTypes, query, settled))
	}
	return calls
}

var parameter = regexp.MustCompile(`\$(\d+)(::[a-z]+(\[\])?)?`)

// alone makes a statement of a routine one that can be sent without it: its parameters count from 1 and say their types.
func alone(types, query string, args []any) (c call) {
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

// send sends calls in a transaction.
func send(b *testing.B, db *sqlx.DB, calls []call) {
	tx, err := db.BeginTxx(b.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	require.NoError(b, err)
	for _, c := range calls {
		if c.reads {
			err = read(b.Context(), tx, c)
		} else {
			_, err = tx.ExecContext(b.Context(), c.query, c.args...)
		}
		require.NoError(b, err, c.query)
	}
	require.NoError(b, tx.Commit())
}

func read(ctx context.Context, tx *sqlx.Tx, c call) error {
	rows, err := tx.QueryContext(ctx, c.query, c.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has said it
	for rows.Next() {
	}
	return rows.Err()
}

// unprepared opens the driver's own sessions, which parse and plan every statement.
type unprepared struct{ *connector }

func (u unprepared) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := u.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return conn.(*session).pgConn, nil
}

package pollpg

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/stack"
)

// BenchmarkWriting compares the two ways to write many votes. One is counting's statement, whose
// arrays unnest takes apart. The other is COPY into a temporary table with an upsert from there.
// They take turns, so that what else the machine does meets both. ns is the time per vote, cpu-ns
// what this process and PostgreSQL's use together.
func BenchmarkWriting(b *testing.B) {
	for _, size := range []int{100, 1000, 5000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := begin(b, postgres.Config{URL: stack.PostgresURL(b), MaxConns: 1})
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			_, err := s.Exec(b.Context(), "incoming",
				"CREATE TEMPORARY TABLE incoming (LIKE votes) ON COMMIT DELETE ROWS")
			require.NoError(b, err)
			var backend int
			require.NoError(b, s.Read(b.Context(), "backend", func(q postgres.Queryer) error {
				return q.GetContext(b.Context(), &backend, "SELECT pg_backend_pid()")
			}))
			settle := functionOf(b, s, "count_settle_1")
			ways := []struct {
				name  string
				write func(context.Context, *sqlx.Tx, []*poll.Vote) error
			}{{"unnest", func(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote) error {
				upsert := alone(settle.types, settle.statements[0], voteArrays(votes))
				result, err := tx.ExecContext(ctx, upsert.query, upsert.args...)
				return postgres.Exactly(len(votes), "votes", result, err)
			}}, {"copy", copyVotes}}
			talk := voters(1)[0]
			took, cpu := make([]time.Duration, len(ways)), make([]time.Duration, len(ways))
			for b.Loop() {
				for i, way := range ways {
					batch := votes(talk, "A", voters(size))
					rows := make([]*poll.Vote, size)
					for j := range rows {
						rows[j] = &batch.Votes[j]
					}
					before, began := used(b, backend), time.Now()
					err := s.Write(b.Context(), "write",
						func(tx *sqlx.Tx) error { return way.write(b.Context(), tx, rows) })
					took[i] += time.Since(began)
					cpu[i] += used(b, backend) - before
					require.NoError(b, err)
				}
			}
			for i, way := range ways {
				b.ReportMetric(float64(took[i])/float64(b.N*size), way.name+"-ns")
				b.ReportMetric(float64(cpu[i])/float64(b.N*size), way.name+"-cpu-ns")
			}
		})
	}
}

func copyVotes(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote) error {
	stmt, err := tx.PrepareContext(ctx,
		"COPY incoming (poll_id, voter_id, version, seq, answer, vote_id) FROM STDIN")
	if err != nil {
		return err
	}
	for _, v := range votes {
		if _, err := stmt.ExecContext(ctx, v.PollID, v.VoterID, v.Version, v.Seq, string(v.Answer),
			v.ID); err != nil {
			return err
		}
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return err
	}
	// It is closed before the rows are moved, not at the end.
	if err := stmt.Close(); err != nil { //nolint:sqlclosecheck // before the rows are moved
		return err
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
		SELECT poll_id, voter_id, version, seq, answer, vote_id FROM incoming
		ON CONFLICT (poll_id, voter_id) DO UPDATE
		SET version = excluded.version, seq = excluded.seq, answer = excluded.answer, vote_id = excluded.vote_id
		WHERE v.seq <= excluded.seq`)
	return postgres.Exactly(len(votes), "votes", result, err)
}

// used gives the processor time of this process and of a session's process at the server.
func used(b *testing.B, backend int) time.Duration {
	var own syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", backend))
	require.NoError(b, err)
	ns, err := strconv.ParseInt(strings.Fields(string(stat))[0], 10, 64)
	require.NoError(b, err)
	return time.Duration(own.Utime.Nano()+own.Stime.Nano()) + time.Duration(ns)
}

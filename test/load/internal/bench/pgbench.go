//go:build linux

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
)

// What a design writes that commits each vote by itself: the vote and the poll's tally.
const (
	perVoteTables = `
		DROP SCHEMA IF EXISTS per_vote CASCADE;
		CREATE SCHEMA per_vote;
		CREATE TABLE per_vote.votes (
			poll_id uuid, voter_id uuid, answer text NOT NULL, PRIMARY KEY (poll_id, voter_id));
		CREATE TABLE per_vote.tallies (
			poll_id uuid, answer text, count bigint NOT NULL, PRIMARY KEY (poll_id, answer))
			WITH (fillfactor = 40)`
	perVote = `\set letter random(0, 2)
		WITH v AS (
			INSERT INTO per_vote.votes AS v (poll_id, voter_id, answer)
			VALUES ('0192f0c1-2a3b-7c4d-8e5f-60718293a4b5', gen_random_uuid(), chr(65 + :letter))
			ON CONFLICT (poll_id, voter_id) DO UPDATE SET answer = excluded.answer
			RETURNING poll_id, answer)
		INSERT INTO per_vote.tallies AS t (poll_id, answer, count) SELECT poll_id, answer, 1 FROM v
		ON CONFLICT (poll_id, answer) DO UPDATE SET count = t.count + 1;`
)

// bulkRows is how many rows of votes the part bulk, and a worker at most, writes at once.
const bulkRows = 5000

// The rows that counting writes, which PostgreSQL makes itself.
const bulkInsert = `
	INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
	SELECT p, gen_random_uuid(), 1, 0, (ARRAY['A','B','C'])[1 + i % 3], gen_random_uuid()
	FROM gen_random_uuid() AS p, generate_series(1, 5000) AS i
	ON CONFLICT (poll_id, voter_id) DO UPDATE
	SET version = excluded.version, seq = excluded.seq, answer = excluded.answer,
		vote_id = excluded.vote_id
	WHERE v.seq <= excluded.seq;`

// perVote measures a transaction per vote in its kindest form: one statement that commits itself,
// no server before it. Over few connections, since each waits for the tally's row.
func (b *Bench) perVote(ctx context.Context) (map[string]float64, error) {
	for q := range strings.SplitSeq(perVoteTables, ";") {
		if _, err := b.now.database.ExecContext(ctx, q); err != nil {
			return nil, err
		}
	}
	return b.pgbench(ctx, perVote, 8, 1)
}

// bulk measures how fast PostgreSQL takes the rows that counting writes, with nothing before it,
// one transaction at a time, as a partition is counted.
func (b *Bench) bulk(ctx context.Context, p *report.Part) error {
	return b.turns(ctx, 1, func(round, _ int) error {
		values, err := b.pgbench(ctx, bulkInsert, 1, bulkRows)
		b.add(p, report.Bulk, bulkRows, round, values)
		return err
	})
}

// pgbench has clients execute a script, which writes so many votes at a time, with empty tables.
func (b *Bench) pgbench(ctx context.Context, script string, clients, votes int) (
	map[string]float64, error) {
	path := filepath.Join(b.dir, "pgbench.sql")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		return nil, err
	}
	bin, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output()
	if err != nil {
		return nil, fmt.Errorf("pg_config: %w", err)
	}
	if err := b.now.quiet(ctx); err != nil {
		return nil, err
	}
	g := groups{"postgresql": b.now.groups(false)["postgresql"]}
	before, err := g.cpu()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(strings.TrimSpace(string(bin)), "pgbench")
	var out []byte
	var done float64
	for seconds := b.Seconds; done == 0; seconds *= 2 { // none in the time: nothing was measured
		out, err = exec.CommandContext(ctx, program,
			"--no-vacuum", "--protocol=prepared",
			fmt.Sprint("--client=", clients), fmt.Sprint("--time=", seconds),
			fmt.Sprint("--random-seed=", rand.IntN(1<<30)), "--file="+path,
			withDatabase(b.now.DatabaseAdminURL, "plenary")).CombinedOutput()
		if err == nil {
			done, err = strconv.ParseFloat(
				submatch(`actually processed: (\d+)`, string(out)), 64)
		}
		if err != nil {
			return nil, fmt.Errorf("pgbench: %w\n%s", err, out)
		}
	}
	rate, err := strconv.ParseFloat(submatch(`tps = ([\d.]+)`, string(out)), 64)
	if err != nil {
		return nil, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	time.Sleep(300 * time.Millisecond) // what ended is known to be no process any more
	after, err := g.cpu()
	us := since(before, after, done*float64(votes))["postgresql"] * 1e6
	return map[string]float64{report.Rate: rate * float64(votes), "acknowledged": done,
		"counted": done, report.CPU: us}, err
}

//go:build linux

package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// growth measures counting and results with more and more votes in the table: half of them in one poll, which no
// room is large enough for, the others in polls of 10,000.
func (b *Bench) growth(ctx context.Context, run report.Run) (g *report.Growth, err error) {
	if _, err := b.admin.ExecContext(ctx, "CREATE DATABASE growth OWNER plenary"); err != nil {
		return nil, err
	}
	url := withDatabase(b.plenary.DatabaseURL, "growth")
	store, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConns: 4, ApplicationName: "bench"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Partitions(ctx, 1); err != nil {
		return nil, err
	}
	admin, err := sql.Open("postgres", withDatabase(b.plenary.DatabaseAdminURL, "growth"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	// An API on this database, for results as people get them. It counts by itself, and nobody votes.
	api, err := stack.Start(ctx, stack.Config{Parts: stack.API, APIs: 1, APIBinary: b.binary("api"),
		APIEnv: []string{"PLENARY_DATABASE_URL=" + url, "PLENARY_PARTITIONS=1", fmt.Sprint("PLENARY_ACCESS_LOG=", b.AccessLog), "PLENARY_LOG_LEVEL=warn"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, api.Close()) }()

	g = &report.Growth{Run: run, HTTPRate: resultsRate}
	for _, n := range b.Sizes {
		s := report.Size{Votes: n}
		var largest room
		for round := range b.Rounds {
			if round == 0 || n <= 1_000_000 { // ten million take a while, and some that were counted do not show in them
				if largest, err = b.fill(ctx, admin, api.URL, n); err != nil {
					return nil, fmt.Errorf("fill with %d votes: %w", n, err)
				}
			}
			if round == 0 {
				if err := admin.QueryRowContext(ctx, "SELECT pg_total_relation_size('votes')").Scan(&s.Bytes); err != nil {
					return nil, err
				}
			}
			if err := b.grown(ctx, store, admin, largest, &s); err != nil {
				return nil, fmt.Errorf("%d votes: %w", n, err)
			}
		}
		g.Sizes = append(g.Sizes, s)
		b.say("%9d votes, %5d MB: counting %7.0f/s into a new poll, %7.0f/s into the largest; its results take %5.0f µs, p99 %5.0f µs, by HTTP %5.0f µs", n, s.Bytes>>20,
			report.Median(s.CountNew), report.Median(s.CountLargest), report.Median(s.Results), report.Median(s.ResultsP99), report.Median(s.ResultsHTTP))
	}
	return g, nil
}

// grown measures once at one size.
func (b *Bench) grown(ctx context.Context, store *postgres.Store, admin *sql.DB, largest room, s *report.Size) error {
	fresh, err := newRoom(ctx, largest.url)
	if err != nil {
		return err
	}
	perRound := 20_000 * b.Seconds
	for _, one := range []struct {
		poll  string
		rates *[]float64
	}{{fresh.poll, &s.CountNew}, {largest.poll, &s.CountLargest}} {
		if _, err := admin.ExecContext(ctx, "CHECKPOINT"); err != nil {
			return err
		}
		rate, err := countRate(ctx, store, uuid.MustParse(one.poll), perRound)
		if err != nil {
			return err
		}
		*one.rates = append(*one.rates, rate)
	}
	presentationID, pollID := uuid.MustParse(largest.presentation), uuid.MustParse(largest.poll)
	took := make([]int64, 500*b.Seconds)
	for i := range took {
		began := time.Now()
		if _, err := store.Results(ctx, presentationID, pollID); err != nil {
			return err
		}
		took[i] = int64(time.Since(began))
	}
	slices.Sort(took)
	s.Results = append(s.Results, float64(crowd.Percentile(took, 50).Nanoseconds())/1e3)
	s.ResultsP99 = append(s.ResultsP99, float64(crowd.Percentile(took, 99).Nanoseconds())/1e3)
	request := largest.get(largest.path("/polls/" + largest.poll + "/results"))
	o, err := crowd.Load{Addr: largest.addr(), Conns: 64, Rate: resultsRate, Duration: time.Duration(b.Seconds) * time.Second, Grace: openGrace,
		Request: func(buf []byte, _ int) []byte { return append(buf, request...) }}.Run()
	if err == nil && (len(o.Answers) != 1 || o.Answers[http.StatusOK] == 0) {
		err = fmt.Errorf("results were answered %v", o.Answers)
	}
	s.ResultsHTTP = append(s.ResultsHTTP, float64(crowd.Percentile(o.Latencies, 50).Nanoseconds())/1e3)
	return err
}

// countRate counts n votes of new voters as a worker does and gives votes a second.
func countRate(ctx context.Context, store poll.Store, pollID uuid.UUID, n int) (float64, error) {
	size := min(transactionVotes, n)
	prepare := storeCount(store)
	var portion []func() error
	for range n / size {
		do, err := prepare(ctx, someVotes(pollID, size))
		if err != nil {
			return 0, err
		}
		portion = append(portion, do)
	}
	began := time.Now()
	for _, do := range portion {
		if err := do(); err != nil {
			return 0, err
		}
	}
	return float64(len(portion)*size) / time.Since(began).Seconds(), nil
}

// resultsRate is how often a second results are asked for by HTTP: less than they are read from the database for one room, or it
// was the wait for others' reads that is measured.
const resultsRate = 5

// smallPoll is how many voters each of the other polls has.
const smallPoll = 10_000

// fill makes the database hold n votes and nothing else, tallies included, in a room of its own that is returned and in
// others. It checks that every tally equals a recount.
func (b *Bench) fill(ctx context.Context, db *sql.DB, url string, n int64) (largest room, err error) {
	began := time.Now()
	if _, err := db.ExecContext(ctx, "TRUNCATE presentations, polls, poll_states, votes, batches"); err != nil {
		return largest, err
	}
	if largest, err = newRoom(ctx, url); err != nil {
		return largest, err
	}
	in := n / 2
	if n <= smallPoll {
		in = n
	}
	// Rows are sorted as the index is, so that filling takes a minute; a table that has grown vote by vote is up to a
	// third larger.
	const votes = `INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id) `
	for done := int64(0); done < in; done += 1_000_000 {
		_, err := db.ExecContext(ctx, votes+`SELECT $1::uuid, id, 1, 0, (ARRAY['A','B','C'])[1 + i % 3], id
			FROM (SELECT gen_random_uuid() AS id, i FROM generate_series($2::bigint, $3::bigint) AS i) AS r ORDER BY id`, largest.poll, done, min(done+1_000_000, in)-1)
		if err != nil {
			return largest, err
		}
	}
	const tally = `UPDATE poll_states SET voters = $2, revision = revision + 1,
		counts = ARRAY[($2::bigint + 2) / 3, ($2::bigint + 1) / 3, $2::bigint / 3] WHERE poll_id = $1`
	if _, err := db.ExecContext(ctx, tally, largest.poll, in); err != nil {
		return largest, err
	}
	for left := n - in; left > 0; {
		rooms, size := min(max(left/smallPoll, 1), 100), min(left, smallPoll)
		left -= rooms * size
		_, err := db.ExecContext(ctx, `
			WITH presentation AS (
				INSERT INTO presentations (id, title, join_code, token_hash, version, slide_index, displayed)
				SELECT id, 'Filled', id::text, sha256(id::text::bytea), 1, 0, true
				FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1::bigint)) AS r RETURNING id
			), poll AS (
				INSERT INTO polls (id, presentation_id, position, question, kind, max_choices, option_keys, option_values)
				SELECT gen_random_uuid(), id, 0, 'Which?', 'choice', 1, '{A,B,C}', '{Argentina,Brazil,Chile}' FROM presentation
				RETURNING id, presentation_id
			), state AS (
				INSERT INTO poll_states (poll_id, presentation_id, status, opened, sealed, revision, voters, counts)
				SELECT id, presentation_id, 'open', 1, 0, 2, $2::bigint, ARRAY[($2::bigint + 2) / 3, ($2::bigint + 1) / 3, $2::bigint / 3] FROM poll
			)
			`+votes+`SELECT poll_id, id, 1, 0, (ARRAY['A','B','C'])[1 + i % 3], id
			FROM (SELECT poll.id AS poll_id, gen_random_uuid() AS id, i FROM poll, generate_series(0, $2::bigint - 1) AS i) AS r ORDER BY 1, 2`,
			rooms, size)
		if err != nil {
			return largest, err
		}
	}
	for _, q := range []string{"VACUUM (ANALYZE) votes", "VACUUM (ANALYZE) poll_states", "CHECKPOINT"} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return largest, err
		}
	}
	var wrong, total int64
	err = db.QueryRowContext(ctx, `
		SELECT count(*) FILTER (WHERE s.voters <> coalesce(v.all, 0) OR s.counts <> ARRAY[coalesce(v.a, 0), coalesce(v.b, 0), coalesce(v.c, 0)]),
			coalesce(sum(v.all), 0)
		FROM poll_states s LEFT JOIN (
			SELECT poll_id, count(*) AS all, count(*) FILTER (WHERE answer = 'A') AS a, count(*) FILTER (WHERE answer = 'B') AS b,
				count(*) FILTER (WHERE answer = 'C') AS c FROM votes GROUP BY poll_id) v USING (poll_id)`).Scan(&wrong, &total)
	if err == nil && (wrong != 0 || total != n) {
		err = fmt.Errorf("the database has %d votes instead of %d, and %d tallies differ from a recount", total, n, wrong)
	}
	if n > 0 {
		b.say("filled with %d votes in %.1f s", n, time.Since(began).Seconds())
	}
	return largest, err
}

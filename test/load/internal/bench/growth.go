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
	"github.com/plenary-live/plenary/pkg/poll/pollpg"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// growth measures counting and results with more and more votes in the table: half of them in one poll, which no
// room is large enough for, the others in polls of 10,000.
func (b *Bench) growth(ctx context.Context, run report.Run) (g *report.Growth, err error) {
	d, err := b.openGrowing(ctx, nil, nil)
	defer func() { err = errors.Join(err, d.close()) }()
	if err != nil {
		return nil, err
	}
	g = &report.Growth{Run: run, HTTPRate: resultsRate}
	for _, n := range b.Sizes {
		s := report.Size{Votes: n}
		var largest room
		for round := range b.Rounds {
			if round == 0 || n <= 1_000_000 { // ten million take a while, and some that were counted do not show in them
				if largest, err = d.fill(ctx, &s); err != nil {
					return nil, fmt.Errorf("fill with %d votes: %w", n, err)
				}
			}
			if err := errors.Join(d.count(ctx, largest, &s), d.results(ctx, largest, &s)); err != nil {
				return nil, fmt.Errorf("%d votes: %w", n, err)
			}
		}
		g.Sizes = append(g.Sizes, s)
		b.say("%9d votes, %s; its results take %5.0f µs, p99 %5.0f µs, by HTTP %5.0f µs", n, counting(s),
			report.Median(s.Results), report.Median(s.ResultsP99), report.Median(s.ResultsHTTP))
	}
	return g, nil
}

func counting(s report.Size) string {
	return fmt.Sprintf("%5d MB: counting %7.0f/s into a new poll, %7.0f/s into the largest, %7.0f/s again", s.Bytes>>20,
		report.Median(s.CountNew), report.Median(s.CountLargest), report.Median(s.CountAgain))
}

// alternatives are what else the table of votes could be, or the server that has it: conf is of postgresql.conf, and statements change
// the product's table while it is empty.
var alternatives = []struct {
	how              string
	conf, statements []string
}{
	{how: "the product's: primary key (poll, voter)"},
	{how: "16 partitions by hash of the poll", statements: []string{
		"ALTER TABLE votes RENAME TO plain",
		"CREATE TABLE votes (LIKE plain) PARTITION BY HASH (poll_id)",
		"DROP TABLE plain",
		"ALTER TABLE votes ADD PRIMARY KEY (poll_id, voter_id)",
		`DO $$ BEGIN FOR i IN 0..15 LOOP
			EXECUTE format('CREATE TABLE votes_%s PARTITION OF votes FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (fillfactor = 90)', i, i);
		END LOOP; END $$`,
		"ALTER TABLE votes OWNER TO plenary",
	}},
	{how: "the product's, wal_compression = on", conf: []string{"wal_compression = on"}},
	{how: "the product's, shared_buffers = 1GB in place of 128MB", conf: []string{"shared_buffers = 1GB"}},
}

// alternatives measures counting with the most votes in each of the tables that could be.
func (b *Bench) alternatives(ctx context.Context, run report.Run) (*report.Alternatives, error) {
	a := &report.Alternatives{Run: run}
	for _, w := range alternatives {
		s := report.Size{Votes: slices.Max(b.Sizes)}
		if err := b.alternative(ctx, w.conf, w.statements, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", w.how, err)
		}
		a.Ways = append(a.Ways, report.Alternative{How: w.how, Size: s})
		b.say("%-54s %s", w.how, counting(s))
	}
	return a, nil
}

func (b *Bench) alternative(ctx context.Context, conf, statements []string, s *report.Size) (err error) {
	d, err := b.openGrowing(ctx, conf, statements)
	defer func() { err = errors.Join(err, d.close()) }()
	if err != nil {
		return err
	}
	largest, err := d.fill(ctx, s)
	for range b.Rounds {
		if err == nil {
			err = d.count(ctx, largest, s)
		}
	}
	return err
}

// growing is a server of its own whose database is filled, with an API for results as people get them. It counts by itself, and
// nobody votes.
type growing struct {
	*Bench
	counts bool // PostgreSQL counts statements
	server *stack.Stack
	engine *postgres.DB
	store  *pollpg.Store
	admin  *sql.DB
}

// openGrowing starts one with the product's schema. Close it in any case.
func (b *Bench) openGrowing(ctx context.Context, conf, statements []string) (d *growing, err error) {
	d = &growing{Bench: b}
	if counting := statementsConf(); len(counting) > 0 {
		d.counts = true
		conf = slices.Concat(conf, counting, []string{"pg_stat_statements.track = top"})
		statements = append([]string{"CREATE EXTENSION pg_stat_statements"}, statements...)
	}
	d.server, err = stack.Start(ctx, stack.Config{Parts: stack.PostgreSQL | stack.API, APIs: 1, APIBinary: b.binary("api"),
		APIEnv: append(logging(b.AccessLog), "PLENARY_PARTITIONS=1"), PostgresConf: conf})
	if err != nil {
		return d, err
	}
	if d.admin, err = sql.Open("postgres", withDatabase(d.server.DatabaseAdminURL, "plenary")); err != nil {
		return d, err
	}
	for _, q := range statements {
		if _, err := d.admin.ExecContext(ctx, q); err != nil {
			return d, fmt.Errorf("%s: %w", q, err)
		}
	}
	d.engine, err = postgres.Open(ctx, postgres.Config{URL: d.server.DatabaseURL, MaxConns: 4, ApplicationName: "bench"})
	d.store = pollpg.New(d.engine)
	return d, err
}

// close removes the server and its data.
func (d *growing) close() error {
	var errs []error
	if d.engine != nil {
		errs = append(errs, d.engine.Close())
	}
	if d.admin != nil {
		errs = append(errs, d.admin.Close())
	}
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	return errors.Join(errs...)
}

// count counts votes of new voters into a new poll, into the largest, and into that again without a checkpoint before.
func (d *growing) count(ctx context.Context, largest room, s *report.Size) error {
	fresh, err := newRoom(ctx, largest.url)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		into, poll string
		checkpoint bool
		rates      *[]float64
	}{
		{report.IntoNew, fresh.poll, true, &s.CountNew},
		{report.IntoLargest, largest.poll, true, &s.CountLargest},
		{report.IntoAgain, largest.poll, false, &s.CountAgain},
	} {
		if one.checkpoint {
			if _, err := d.admin.ExecContext(ctx, "CHECKPOINT"); err != nil {
				return err
			}
		}
		before, err := d.spent(ctx)
		if err != nil {
			return err
		}
		n := 20_000 * d.Seconds
		rate, err := countRate(ctx, d.store, uuid.MustParse(one.poll), n)
		if err != nil {
			return err
		}
		after, err := d.spent(ctx)
		if err != nil {
			return err
		}
		*one.rates = append(*one.rates, rate)
		if d.counts {
			if s.Costs == nil {
				s.Costs = map[string][]report.Cost{}
			}
			s.Costs[one.into] = append(s.Costs[one.into], after.Since(before, n))
		}
	}
	return nil
}

// spent is what the database has done for counting so far.
func (d *growing) spent(ctx context.Context) (c report.Cost, err error) {
	cpu, err := groups{"": {d.server.Postgres}}.cpu()
	c.CPU = cpu[""] * 1e6
	if err == nil && d.counts {
		err = d.admin.QueryRowContext(ctx, `
			SELECT coalesce(sum(wal_bytes), 0)::float8, coalesce(sum(wal_fpi), 0)::float8, coalesce(sum(shared_blks_read), 0)::float8,
				coalesce(sum(shared_blks_written), 0)::float8
			FROM pg_stat_statements WHERE query ~ 'count_(claim|settle)_|pg_temp'`).
			Scan(&c.WAL, &c.Images, &c.Reads, &c.Written)
	}
	return c, err
}

// results reads those of the largest poll.
func (d *growing) results(ctx context.Context, largest room, s *report.Size) error {
	presentationID, pollID := uuid.MustParse(largest.presentation), uuid.MustParse(largest.poll)
	took := make([]int64, 500*d.Seconds)
	for i := range took {
		began := time.Now()
		if _, err := d.store.Results(ctx, presentationID, pollID); err != nil {
			return err
		}
		took[i] = int64(time.Since(began))
	}
	slices.Sort(took)
	s.Results = append(s.Results, float64(crowd.Percentile(took, 50).Nanoseconds())/1e3)
	s.ResultsP99 = append(s.ResultsP99, float64(crowd.Percentile(took, 99).Nanoseconds())/1e3)
	request := largest.get(largest.path("/polls/" + largest.poll + "/results"))
	o, err := crowd.Load{Addr: largest.addr(), Conns: 64, Rate: resultsRate, Duration: time.Duration(d.Seconds) * time.Second, Grace: openGrace,
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

// fill makes the database hold so many votes and nothing else, tallies included, half of them in a room of their own that is returned,
// the others in others, and tells how large it is then. It checks that every tally equals a recount.
func (d *growing) fill(ctx context.Context, s *report.Size) (largest room, err error) {
	db, n, began := d.admin, s.Votes, time.Now()
	if _, err := db.ExecContext(ctx, "TRUNCATE presentations, polls, poll_states, votes, batches"); err != nil {
		return largest, err
	}
	if largest, err = newRoom(ctx, d.server.APIs[0].URL); err != nil {
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
	if err != nil {
		return largest, err
	}
	if n > 0 {
		d.say("filled with %d votes in %.1f s", n, time.Since(began).Seconds())
	}
	// A table in partitions has no size of its own, and one that has none is not in its tree.
	return largest, db.QueryRowContext(ctx, `SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size('votes'))
		FROM pg_partition_tree('votes') WHERE isleaf`).Scan(&s.Bytes)
}

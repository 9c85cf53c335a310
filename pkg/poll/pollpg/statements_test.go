package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
	"github.com/plenary-live/plenary/test/stack"
)

// recorder opens sessions that write down what they are asked to run. It is read only while nobody uses them.
type recorder struct {
	storetest.Recorder
	*connector
	sessions []*session
	writes   atomic.Int64 // to the server, each of which waits for an answer
}

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := conn.(*session)
	s.line.conn.Conn = &countedConn{s.line.conn.Conn, &r.writes}
	r.sessions = append(r.sessions, s)
	return &recordedSession{s, r}, nil
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

type recordedSession struct {
	*session
	recorder *recorder
}

func (s *recordedSession) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s.recorder.Record(query, args)
	return s.session.ExecContext(ctx, query, args)
}

func (s *recordedSession) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s.recorder.Record(query, args)
	return s.session.QueryContext(ctx, query, args)
}

// recorded gives a store with one session, whose statements are written down.
func recorded(t *testing.T, url string) (*Store, *recorder) {
	t.Helper()
	cfg, err := Config{URL: url}.driverConfig()
	require.NoError(t, err)
	require.NoError(t, migrate(t.Context(), cfg))
	r := &recorder{connector: working(cfg)}
	db := sqlx.NewDb(sql.OpenDB(r), "postgres")
	db.SetMaxOpenConns(1)
	s := &Store{db: db, lists: db}
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return s, r
}

// talk is a presentation whose first poll is open.
func talk(t testing.TB, s *Store) poll.Presentation {
	t.Helper()
	options := []poll.Option{{Key: "A", Value: "a"}, {Key: "B", Value: "b"}}
	return opened(t, s, poll.Poll{Question: "Which?", Options: options}, poll.Poll{Question: "And now?", Options: options})
}

func opened(t testing.TB, s *Store, polls ...poll.Poll) poll.Presentation {
	t.Helper()
	p, err := poll.New("", polls)
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

func votes(pollID uuid.UUID, answer poll.Answer, voters []uuid.UUID) poll.Batch {
	b := poll.Batch{ID: uuid.New()}
	for _, v := range voters {
		b.Votes = append(b.Votes, poll.Vote{ID: uuid.New(), PollID: pollID, VoterID: v, Version: 1, Answer: answer})
	}
	return b
}

func voters(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}

// Tables as the planner may find them: never analyzed, analyzed when there were few votes, and large: 4,000 polls,
// 20,000 votes and 20,000 words, of which one poll has half, and 20,000 batches.
var fillings = map[string]string{
	"new": "",
	"small": `
		INSERT INTO votes SELECT id, md5(i::text)::uuid, 1, 0, 'A', gen_random_uuid() FROM polls, generate_series(1, 10) i;
		INSERT INTO words SELECT id, 'word ' || i, i FROM polls, generate_series(1, 10) i;
		ANALYZE`,
	"large": `
		INSERT INTO presentations (id, title, join_code, token_hash, version, slide_index, displayed)
			SELECT md5('talk' || i)::uuid, '', i, '', 1, 0, true FROM generate_series(1, 2000) i;
		INSERT INTO polls (id, presentation_id, position, question, kind, max_choices, option_keys, option_values)
			SELECT md5('poll' || i)::uuid, md5('talk' || i / 2 + 1)::uuid, i % 2, 'Which?', 'choice', 1, '{A,B}', '{a,b}'
			FROM generate_series(0, 3999) i;
		INSERT INTO poll_states SELECT id, presentation_id, 'final', 1, 1, 1, 5, '{5,0}' FROM polls ON CONFLICT DO NOTHING;
		INSERT INTO votes SELECT md5('poll' || CASE WHEN i % 2 = 0 THEN 0 ELSE i % 2000 END)::uuid, md5('voter' || i)::uuid, 1, 0, 'A',
			gen_random_uuid() FROM generate_series(1, 20000) i;
		INSERT INTO batches (id, partition) SELECT gen_random_uuid(), 0 FROM generate_series(1, 20000);
		INSERT INTO words SELECT md5('poll' || CASE WHEN i % 2 = 0 THEN 0 ELSE i % 2000 END)::uuid, 'word ' || i, 1 + i % 100
			FROM generate_series(1, 20000) i;
		INSERT INTO presence SELECT md5('talk' || i)::uuid, gen_random_uuid(), 1 FROM generate_series(1, 2000) i;
		ANALYZE`,
}

// With 10 million votes, a statement that reads a table from end to end would stop everybody. The plans are those of the
// very statements that the store sends, as its sessions make them. A session keeps a plan until the table is analyzed,
// perhaps a million votes later, so it must be good from the first vote on.
func TestNoStatementReadsATableFromEndToEnd(t *testing.T) {
	for name, contents := range fillings {
		t.Run(name, func(t *testing.T) {
			url := stack.PostgresURL(t)
			s, r := recorded(t, url)
			require.NoError(t, s.Partitions(t.Context(), 4))
			p := talk(t, s)
			_, err := admin(t, url).Exec(contents)
			require.NoError(t, err)

			good := func(call, query, plan string) {
				require.NotContains(t, plan, "Seq Scan", "%s: %s", call, query)
				if name == "large" && !strings.Contains(query, "FROM erasures ORDER BY") { // which are few, and all to be done
					require.Equal(t, strings.Count(plan, "Index Scan")+strings.Count(plan, "Index Only Scan"),
						strings.Count(plan, "Index Cond")+strings.Count(plan, "poll_states_closing")+
							strings.Count(plan, "poll_states_stale"), // which hold nothing else
						"an index is read from end to end, in %s: %s\n%s", call, query, plan)
				}
			}
			said, seen := map[string]bool{}, map[string]bool{"Count": true}
			plans := func(call string, err error) (plans []string) {
				require.NoError(t, err, call)
				seen[call] = true
				for _, st := range r.Take() {
					said[st.Query] = true
					var plan string
					if strings.HasPrefix(strings.TrimSpace(st.Query), "DECLARE") {
						plan = r.explainCursor(t, s, st)
					} else {
						plan = r.explain(t, s, "", st.Query, len(st.Args))
					}
					good(call, st.Query, plan)
					plans = append(plans, plan)
				}
				return plans
			}

			r.Take()
			ctx, displayed := t.Context(), p.Polls[0].ID
			_, err = s.Count(ctx, 3, []poll.Batch{votes(displayed, "A", voters(2))})
			require.NoError(t, err)
			require.Equal(t, []string{claimCall, settleCall}, queries(r.Take()))
			rest := claimRoutine.body + settleRoutine.body
			for _, st := range []struct{ types, query, says string }{
				{claimTypes, lockPartition, ""}, {claimTypes, lockAccounts, ""}, {claimTypes, recordBatches, ""},
				{claimTypes, readOld, "Index Cond: ((poll_id = u.poll_id) AND (voter_id = u.voter_id))"}, // by the whole key
				{settleTypes, upsertVotes, "Conflict Arbiter Indexes: votes_pkey"},
				{settleTypes, moveWords, "Conflict Arbiter Indexes: words_pkey"},
				{settleTypes, forgetWords, "Index Cond: ((poll_id = ANY ($10)) AND (count = 0))"},
				{settleTypes, moveSpellings, "Conflict Arbiter Indexes: spellings_pkey"},
				{settleTypes, forgetSpellings, "Index Cond: ((poll_id = u.poll_id) AND (word = u.word) AND (spelling = u.spelling))"},
				{settleTypes, updateStates(11), ""},
			} {
				require.Contains(t, rest, st.query)
				rest = strings.Replace(rest, st.query, "", 1)
				plan := r.explain(t, s, st.types, st.query, strings.Count(st.types, ",")+1)
				good("Count", st.query, plan)
				require.Contains(t, plan, st.says)
			}
			require.NotRegexp(t, `(?i)\b(insert|update|delete|join|where)\b`, rest, "a routine says what was not looked at")
			_, err = s.Display(ctx, p.ID)
			plans("Display", err)
			_, err = s.Results(ctx, p.ID, displayed)
			results := plans("Results", err)
			require.Len(t, results, 1, "everything comes from one statement")
			if name != "new" { // where there are so few that the planner sorts them
				ordered(t, "words_ranked", results[0])
				require.Contains(t, results[0], "using words_newest")
			}
			cloud := opened(t, s, poll.Poll{Question: "Where?", Kind: poll.WordCloud})
			_, err = s.Count(ctx, 3, []poll.Batch{votes(cloud.Polls[0].ID, "Rome", voters(1))})
			require.NoError(t, err)
			r.Take()
			for order, index := range map[poll.Order]string{poll.MostFirst: "words_ranked", poll.NewestFirst: "words_newest"} {
				for _, after := range []*poll.WordCount{nil, {Word: "a", Count: 100, First: uuid.Max}} {
					l := poll.Listing{Order: order, After: after}
					for i, plan := range plans("Answers", s.Answers(ctx, cloud.ID, cloud.Polls[0].ID, l, func(poll.WordCount) error { return nil })) {
						if i > 0 { // the first one finds the poll
							ordered(t, index, plan)
						}
					}
				}
			}
			_, _, err = s.Hide(ctx, cloud.ID, cloud.Polls[0].ID, "Rome", true)
			plans("Hide", err)
			for _, plan := range plans("Votes", s.Votes(ctx, p.ID, displayed, uuid.Nil, func(poll.VoterAnswer) error { return nil })) {
				require.NotContains(t, plan, "Sort", "the list comes in the order of the index, from the first row on")
			}
			_, err = s.Transit(ctx, p.ID, poll.Move{}, nil)
			plans("Transit", err)
			storetest.CallTheRest(t, s, p, 3, func(call string, err error) { plans(call, err) })
			talk(t, s)
			plans("Create", nil)
			require.Empty(t, storetest.Unseen(seen), "calls that were not looked at")
			require.GreaterOrEqual(t, len(said), 34, "statements were recorded")
		})
	}
}

// ordered requires that words come in the order of the index, from the first one on, and how each is spelled as its index has
// it first.
func ordered(t *testing.T, index, plan string) {
	t.Helper()
	require.Contains(t, plan, "using "+index)
	require.NotContains(t, plan, "Bitmap")
	require.Contains(t, plan, "using spellings_ranked")
	require.NotContains(t, plan, "Sort Key")
}

// explain gives a statement's plan in a session of the store: the one for all parameters, whose types may be named.
func (r *recorder) explain(t *testing.T, s *Store, types, query string, parameters int) string {
	t.Helper()
	if types != "" {
		types = " (" + types + ")"
	}
	return r.explainWith(t, s, func(tx *sqlx.Tx) (lines []string) {
		_, err := tx.Exec("PREPARE explained" + types + " AS " + query)
		require.NoError(t, err, query)
		nulls := ""
		if parameters > 0 {
			nulls = "(" + strings.Join(slices.Repeat([]string{"NULL"}, parameters), ", ") + ")"
		}
		require.NoError(t, tx.Select(&lines, "EXPLAIN EXECUTE explained"+nulls))
		_, err = tx.Exec("DEALLOCATE explained")
		require.NoError(t, err)
		return lines
	})
}

// explainCursor gives the plan of a cursor's declaration, which is planned each time.
func (r *recorder) explainCursor(t *testing.T, s *Store, st storetest.Statement) string {
	t.Helper()
	return r.explainWith(t, s, func(tx *sqlx.Tx) (lines []string) {
		require.NoError(t, tx.Select(&lines, "EXPLAIN "+st.Query, st.Args...), st.Query)
		return lines
	})
}

func (r *recorder) explainWith(t *testing.T, s *Store, lines func(*sqlx.Tx) []string) string {
	t.Helper()
	tx, err := s.db.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() {
		require.NoError(t, tx.Rollback())
		r.Take()
	}()
	return strings.Join(lines(tx), "\n")
}

func queries(all []storetest.Statement) (queries []string) {
	for _, st := range all {
		queries = append(queries, st.Query)
	}
	return queries
}

// However many votes are counted in how many batches, whether they are new or replace others, be they of words or not: the
// same two calls, each parsed and planned once in a session, and four round trips with BEGIN and COMMIT.
func TestCountingTakesTheSameRoundTripsForAnyNumberOfVotes(t *testing.T) {
	s, r := recorded(t, stack.PostgresURL(t))
	require.NoError(t, s.Partitions(t.Context(), 1))
	p := talk(t, s)
	cloud := opened(t, s, poll.Poll{Question: "Where?", Kind: poll.WordCloud}).Polls[0].ID
	old := voters(5000)
	count := func(batches ...poll.Batch) (said []string, trips int64) {
		r.Take()
		before := r.writes.Load()
		_, err := s.Count(t.Context(), 0, batches)
		require.NoError(t, err)
		return queries(r.Take()), r.writes.Load() - before
	}
	count(votes(p.Polls[0].ID, "A", voters(1))) // which makes and prepares them
	require.Len(t, r.sessions, 1)
	prepared := len(r.sessions[0].stmts)

	var many []poll.Batch
	for range 500 {
		many = append(many, votes(p.Polls[0].ID, "B", voters(10)))
	}
	for _, c := range []struct {
		name    string
		batches []poll.Batch
	}{
		{"5,000 votes", []poll.Batch{votes(p.Polls[0].ID, "A", old)}},
		{"500 batches", many},
		{"5,000 votes, most changed", []poll.Batch{votes(p.Polls[0].ID, "B", append(voters(1), old[1:]...))}},
		{"one vote", []poll.Batch{votes(p.Polls[0].ID, "A", voters(1))}},
		{"words", []poll.Batch{votes(cloud, "Berlin\nRome", old), votes(p.Polls[0].ID, "A", old)}},
		{"other words", []poll.Batch{votes(cloud, "Lima\nRome", old[:1])}},
	} {
		said, trips := count(c.batches...)
		require.Equal(t, []string{claimCall, settleCall}, said, c.name)
		require.EqualValues(t, 4, trips, c.name)
	}
	require.Len(t, r.sessions[0].stmts, prepared, "nothing is prepared again")
}

// What a session has made within a transaction is gone when that is rolled back; the next count does not miss it.
func TestCountingGoesOnAfterItsFirstTransactionFailed(t *testing.T) {
	s, _ := recorded(t, stack.PostgresURL(t))
	p := talk(t, s)
	require.NoError(t, s.Partitions(t.Context(), 1))
	batch := votes(p.Polls[0].ID, "A", voters(1))
	given := errors.New("given up") // after a call that went well
	err := s.write(t.Context(), func(tx *sqlx.Tx) error {
		_, err := claim(t.Context(), tx, poll.NewLedger([]poll.Batch{batch}), 0, []poll.Batch{batch})
		return errors.Join(err, given)
	})
	require.Equal(t, given.Error(), err.Error())
	outcome, err := s.Count(t.Context(), 0, []poll.Batch{batch})
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, outcome.Verdicts)
	_, err = s.Count(t.Context(), 1, []poll.Batch{batch})
	require.ErrorContains(t, err, "there is no partition 1")
}

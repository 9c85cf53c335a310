package pollpg

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polltest"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

// recorded gives a store with one session, whose statements are written down.
func recorded(t *testing.T, url string) (*testStore, *polltest.Recorder) {
	t.Helper()
	r := &polltest.Recorder{}
	s := begin(t, postgres.Config{URL: url, MaxConns: 1, Wrap: r.Wrap})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, r
}

// function is one of the schema's, taken apart into the statements that it runs.
type function struct {
	types      string // of its parameters
	statements []string
}

var (
	comment = regexp.MustCompile(`--.*`)
	control = regexp.MustCompile(
		`(?s)^(DECLARE\s.*|BEGIN|IF .*? THEN|RAISE .*|GET DIAGNOSTICS .*|END\b.*)\s*`)
	into = regexp.MustCompile(`\s+INTO\s+[a-z, ]+$`)
)

func functionOf(t testing.TB, s *testStore, name string) (f function) {
	t.Helper()
	var body string
	require.NoError(t, s.raw.QueryRow(`SELECT prosrc, array_to_string(proargtypes::regtype[], ', ')
		FROM pg_proc WHERE proname = $1`,
		name).Scan(&body, &f.types))
	for part := range strings.SplitSeq(comment.ReplaceAllString(body, ""), ";") {
		query := strings.TrimSpace(part)
		for control.MatchString(query) {
			query = strings.TrimSpace(control.ReplaceAllString(query, ""))
		}
		if rest, ok := strings.CutPrefix(query, "PERFORM"); ok {
			query = "SELECT" + rest
		}
		if query != "" {
			f.statements = append(f.statements, into.ReplaceAllString(query, ""))
		}
	}
	return f
}

// talk is a presentation whose first poll is open.
func talk(t testing.TB, s *testStore) poll.Presentation {
	t.Helper()
	options := []question.Option{{Key: "A", Value: "a"}, {Key: "B", Value: "b"}}
	return opened(t, s, poll.Poll{Question: question.Question{Text: "Which?", Options: options}},
		poll.Poll{Question: question.Question{Text: "And now?", Options: options}})
}

func opened(t testing.TB, s *testStore, polls ...poll.Poll) poll.Presentation {
	t.Helper()
	p, err := poll.New("", polls)
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

func votes(pollID uuid.UUID, answer question.Answer, voters []uuid.UUID) poll.Batch {
	b := poll.Batch{ID: uuid.New()}
	for _, v := range voters {
		b.Votes = append(b.Votes,
			poll.Vote{ID: uuid.New(), PollID: pollID, VoterID: v, Version: 1, Answer: answer})
	}
	return b
}

// in puts batches into a partition.
func in(partition int, batches ...poll.Batch) []poll.Batch {
	for i := range batches {
		batches[i].Partition = partition
	}
	return batches
}

func voters(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}

// fillings are tables as the planner may find them: never analyzed, analyzed when there were few
// votes, and large. Large tables have 4,000 polls, 20,000 votes and 20,000 words, of which one
// poll has half, and 20,000 batches.
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

// With 10 million votes, a statement that reads a table from end to end would stop everybody. The
// plans are those of the very statements that the store sends, as its sessions make them. A session
// keeps a plan until the table is analyzed, perhaps a million votes later, so it must be good from
// the first vote on.
func TestNoStatementReadsATableFromEndToEnd(t *testing.T) {
	for name, contents := range fillings {
		t.Run(name, func(t *testing.T) {
			url := stack.PostgresURL(t)
			s, r := recorded(t, url)
			require.NoError(t, s.Partitions(t.Context(), 4))
			p := talk(t, s)
			_, err := s.raw.Exec(contents)
			require.NoError(t, err)

			good := func(call, query, plan string) {
				require.NotContains(t, plan, "Seq Scan", "%s: %s", call, query)
				// which are few, and all to be done
				if name == "large" && !strings.Contains(query, "FROM erasures ORDER BY") {
					require.Equal(t, strings.Count(plan, "Index Scan")+
						strings.Count(plan, "Index Only Scan"),
						strings.Count(plan, "Index Cond")+
							strings.Count(plan, "poll_states_closing")+
							strings.Count(plan, "poll_states_stale"), // which hold nothing else
						"an index is read from end to end, in %s: %s\n%s", call, query, plan)
				}
			}
			said, seen := map[string]bool{}, map[string]bool{"Count": true}
			plans := func(call string, err error) (plans []string) {
				require.NoError(t, err, call)
				defer r.Take() // what asked for plans
				seen[call] = true
				for _, st := range r.Take() {
					said[st.Query] = true
					var plan string
					if strings.HasPrefix(strings.TrimSpace(st.Query), "DECLARE") {
						plan = explainCursor(t, s, st)
					} else {
						plan = explain(t, s, "", st.Query, len(st.Args))
					}
					good(call, st.Query, plan)
					plans = append(plans, plan)
				}
				return plans
			}

			r.Take()
			ctx, displayed := t.Context(), p.Polls[0].ID
			_, err = s.Count(ctx, in(3, votes(displayed, "A", voters(2))))
			require.NoError(t, err)
			require.Equal(t, []string{claimCall, settleCall}, queries(r.Take()))
			for name, says := range map[string][]string{
				"count_claim_2": {
					"LockRows", "LockRows", "Insert on batches",
					// by the whole key
					"Index Cond: ((poll_id = u.poll_id) AND (voter_id = u.voter_id))",
				},
				"count_settle_1": {
					"Conflict Arbiter Indexes: votes_pkey",
					"Conflict Arbiter Indexes: words_pkey",
					"Index Cond: ((poll_id = ANY ($10)) AND (count = 0))",
					"Conflict Arbiter Indexes: spellings_pkey",
					"Index Cond: ((poll_id = u.poll_id) AND (word = u.word)" +
						" AND (spelling = u.spelling))",
					"Update on poll_states",
				},
			} {
				f := functionOf(t, s, name)
				require.Len(t, f.statements, len(says), "%s runs other statements: %q", name,
					f.statements)
				for i, query := range f.statements {
					plan := explain(t, s, f.types, query, strings.Count(f.types, ",")+1)
					good("Count", query, plan)
					require.Contains(t, plan, says[i])
				}
			}
			r.Take()
			_, err = s.Display(ctx, p.ID)
			plans("Display", err)
			_, err = s.Results(ctx, p.ID, displayed)
			results := plans("Results", err)
			require.Len(t, results, 1, "everything comes from one statement")
			if name != "new" { // where there are so few that the planner sorts them
				ordered(t, "words_ranked", results[0])
				require.Contains(t, results[0], "using words_newest")
			}
			cloud := opened(t, s,
				poll.Poll{Question: question.Question{Text: "Where?", Kind: question.WordCloud}})
			_, err = s.Count(ctx, in(3, votes(cloud.Polls[0].ID, "Rome", voters(1))))
			require.NoError(t, err)
			r.Take()
			for order, index := range map[question.Order]string{question.MostFirst: "words_ranked",
				question.NewestFirst: "words_newest"} {
				for _, after := range []*question.WordCount{nil,
					{Word: "a", Count: 100, First: uuid.Max}} {
					l := question.Listing{Order: order, After: after}
					for i, plan := range plans("Answers",
						s.Answers(ctx, cloud.ID, cloud.Polls[0].ID, l,
							func(question.WordCount) error { return nil })) {
						if i > 0 { // the first one finds the poll
							ordered(t, index, plan)
						}
					}
				}
			}
			_, _, err = s.Hide(ctx, cloud.ID, cloud.Polls[0].ID, "Rome", true)
			plans("Hide", err)
			for _, plan := range plans("Votes",
				s.Votes(ctx, p.ID, displayed, uuid.Nil,
					func(poll.VoterAnswer) error { return nil })) {
				require.NotContains(t, plan, "Sort",
					"the list comes in the order of the index, from the first row on")
			}
			_, err = s.Transit(ctx, p.ID, poll.Move{}, nil)
			plans("Transit", err)
			polltest.CallTheRest(t, s, p, 3, func(call string, err error) { plans(call, err) })
			talk(t, s)
			plans("Create", nil)
			require.Empty(t, polltest.Unseen(seen), "calls that were not looked at")
			require.GreaterOrEqual(t, len(said), 34, "statements were recorded")
		})
	}
}

// ordered requires that words come in the order of the index, from the first one on. It requires
// that the spelling of each comes as its index has it first.
func ordered(t *testing.T, index, plan string) {
	t.Helper()
	require.Contains(t, plan, "using "+index)
	require.NotContains(t, plan, "Bitmap")
	require.Contains(t, plan, "using spellings_ranked")
	require.NotContains(t, plan, "Sort Key")
}

// explain gives a statement's plan in a session of the store: the one for all parameters, whose
// types may be named.
func explain(t *testing.T, s *testStore, types, query string, parameters int) string {
	t.Helper()
	if types != "" {
		types = " (" + types + ")"
	}
	return explainWith(t, s, func(tx *sqlx.Tx) (lines []string) {
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
func explainCursor(t *testing.T, s *testStore, st polltest.Statement) string {
	t.Helper()
	return explainWith(t, s, func(tx *sqlx.Tx) (lines []string) {
		require.NoError(t, tx.Select(&lines, "EXPLAIN "+st.Query, st.Args...), st.Query)
		return lines
	})
}

func explainWith(t *testing.T, s *testStore, lines func(*sqlx.Tx) []string) (plan string) {
	t.Helper()
	done := errors.New("done")
	require.ErrorIs(t, s.Write(t.Context(), "explain", func(tx *sqlx.Tx) error {
		plan = strings.Join(lines(tx), "\n")
		return done // nothing stays
	}), done)
	return plan
}

func queries(all []polltest.Statement) (queries []string) {
	for _, st := range all {
		queries = append(queries, st.Query)
	}
	return queries
}

// counted gives a way to a database that counts how often a client speaks after the server has:
// its round trips.
func counted(t *testing.T, databaseURL string) (through string, trips *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	trips = &atomic.Int64{}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Error(err)
				return
			}
			heard := &atomic.Bool{}
			heard.Store(true)
			running.Go(func() {
				pass(client, server,
					func() { trips.Add(number(heard.Swap(false))) })
			})
			running.Go(func() { pass(server, client, func() { heard.Store(true) }) })
		}
	})
	t.Cleanup(running.Wait) // when the store is closed
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	through = strings.Replace(databaseURL, u.Host, listener.Addr().String(), 1)
	return through, trips
}

// pass copies bytes from one connection to another until it ends, and says each time when there
// are some.
func pass(from, to net.Conn, some func()) {
	// the other direction has closed them, or hears of it so
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			some()
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// However many votes are counted in how many batches, counting takes the same two calls. That is
// so for new votes and for those that replace others, be they of words or not. Each call is parsed
// and planned once in a session. With BEGIN and COMMIT there are four round trips.
func TestCountingTakesTheSameRoundTripsForAnyNumberOfVotes(t *testing.T) {
	through, trips := counted(t, stack.PostgresURL(t))
	s, r := recorded(t, through)
	require.NoError(t, s.Partitions(t.Context(), 1))
	p := talk(t, s)
	cloud := opened(t, s,
		poll.Poll{Question: question.Question{Text: "Where?",
			Kind: question.WordCloud}}).Polls[0].ID
	old := voters(5000)
	count := func(batches ...poll.Batch) (said []string, took int64) {
		r.Take()
		before := trips.Load()
		_, err := s.Count(t.Context(), batches)
		require.NoError(t, err)
		return queries(r.Take()), trips.Load() - before
	}
	prepared := func() (n int) {
		require.NoError(t, s.Read(t.Context(), "prepared", func(q postgres.Queryer) error {
			return q.GetContext(t.Context(), &n, `SELECT count(*) FROM pg_prepared_statements`)
		}))
		return n
	}
	count(votes(p.Polls[0].ID, "A", voters(1))) // which prepares them
	before := prepared()
	require.Positive(t, before)

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
		{"5,000 votes, most changed",
			[]poll.Batch{votes(p.Polls[0].ID, "B", append(voters(1), old[1:]...))}},
		{"one vote", []poll.Batch{votes(p.Polls[0].ID, "A", voters(1))}},
		{"words", []poll.Batch{votes(cloud, "Berlin\nRome", old), votes(p.Polls[0].ID, "A", old)}},
		{"other words", []poll.Batch{votes(cloud, "Lima\nRome", old[:1])}},
	} {
		said, took := count(c.batches...)
		require.Equal(t, []string{claimCall, settleCall}, said, c.name)
		require.EqualValues(t, 4, took, c.name)
	}
	require.Equal(t, before, prepared(), "nothing is prepared again")
}

// What a transaction claimed is gone when it is rolled back; the next count does not miss it.
func TestCountingGoesOnAfterItsFirstTransactionFailed(t *testing.T) {
	s, _ := recorded(t, stack.PostgresURL(t))
	p := talk(t, s)
	require.NoError(t, s.Partitions(t.Context(), 1))
	batch := votes(p.Polls[0].ID, "A", voters(1))
	given := errors.New("given up") // after a call that went well
	err := s.Write(t.Context(), "count", func(tx *sqlx.Tx) error {
		_, err := claim(t.Context(), tx, poll.NewLedger([]poll.Batch{batch}), []poll.Batch{batch})
		return errors.Join(err, given)
	})
	require.Equal(t, given.Error(), err.Error())
	outcome, err := s.Count(t.Context(), []poll.Batch{batch})
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, outcome.Verdicts)
	_, err = s.Count(t.Context(), in(1, batch))
	require.ErrorContains(t, err, "there is no partition 1")
}

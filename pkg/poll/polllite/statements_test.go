package polllite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polltest"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// recorded gives a store whose statements are written down, and a presentation whose first poll is
// open.
func recorded(t *testing.T) (*testStore, *polltest.Recorder, poll.Presentation) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plenary.db")
	s := open(t, path)
	p := presented(t, s)
	require.NoError(t, s.Close())
	r := &polltest.Recorder{}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Wrap: r.Wrap})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r.Take()
	return &testStore{New(db), db, path}, r, p
}

// scanned is what may be read from end to end:
//   - the rows that were given (places is how a set is walked)
//   - the rows that another step found
//   - all that an index holds
//   - what is still to be done
const scanned = `VIRTUAL TABLE|CONSTANT ROW|SCAN erasures|SCAN places\n|\(subquery|INDEX ` +
	`poll_states_closing|INDEX poll_states_stale`

// The plans are those of the very statements that the store sends. SQLite makes them without regard
// to how many rows there are.
func TestNoStatementReadsATableFromEndToEnd(t *testing.T) {
	s, r, p := recorded(t)
	seen := map[string]bool{}
	plans := func(call string, err error) (plans []string) {
		require.NoError(t, err, call)
		defer r.Take() // what asked for plans
		seen[call] = true
		for _, st := range r.Take() {
			plan := explain(t, s, st)
			for step := range strings.Lines(plan) {
				if strings.HasPrefix(step, "SCAN") {
					require.Regexp(t, scanned, step, "%s: %s\n%s", call, st.Query, plan)
				}
			}
			require.NotContains(t, plan, "AUTOMATIC", "%s: %s", call, st.Query)
			plans = append(plans, plan)
		}
		require.NotEmpty(t, plans, call)
		return plans
	}

	ctx, displayed := t.Context(), p.Polls[0].ID
	_, err := s.Count(ctx, in(1, ballot(p, 2)...))
	counting := plans("Count", err)
	require.Len(t, counting, 6)
	require.Contains(t, counting[3], "SEARCH v USING PRIMARY KEY (poll_id=? AND voter_id=?)",
		"an old vote is found by its whole key")
	cloud := clouded(t, s)
	r.Take()
	_, err = s.Count(ctx, in(1, said(cloud, "Berlin", "Rome")...))
	counting = plans("Count", err)
	require.Len(t, counting, 8, "two statements more: words, and how they are written")
	_, err = s.Count(ctx, in(1, said(cloud, "Oslo", "Rome")...))
	counting = plans("Count", err)
	require.Len(t, counting, 10, "and two for those that nobody says or writes any more")
	require.Contains(t, counting[7],
		"SEARCH spellings USING PRIMARY KEY (poll_id=? AND word=? AND spelling=?)")
	require.Contains(t, counting[8],
		"SEARCH words USING INDEX words_ranked (poll_id=? AND count=?)")
	_, err = s.Display(ctx, p.ID)
	plans("Display", err)
	_, err = s.Results(ctx, p.ID, displayed)
	results := plans("Results", err)
	require.Len(t, results, 1, "everything comes from one statement")
	require.Contains(t, results[0], "SEARCH w USING INDEX words_ranked (poll_id=? AND count>?)")
	require.Contains(t, results[0], "SEARCH w USING INDEX words_newest (poll_id=?)")
	require.Contains(t, results[0],
		"SEARCH w USING COVERING INDEX words_ranked (poll_id=? AND count>?)",
		"they are counted without a look at them")
	require.Contains(t, results[0], "SEARCH h USING INDEX words_hidden (poll_id=? AND count>?)")
	ordered(t, results[0])
	for order, behind := range map[question.Order][]string{
		question.MostFirst: {"words_ranked (poll_id=? AND count=? AND (first,word)>(?,?))",
			"words_ranked (poll_id=? AND count>? AND count<?)"},
		question.NewestFirst: {"words_newest (poll_id=? AND first=? AND word>?)",
			"words_newest (poll_id=? AND first<?)"},
	} {
		for _, after := range []*question.WordCount{nil, {Word: "a", Count: 100, First: uuid.Max}} {
			listing := plans("Answers",
				s.Answers(ctx, cloud.PresentationID, cloud.ID,
					question.Listing{Order: order, After: after},
					func(question.WordCount) error { return nil }))[1]
			ordered(t, listing)
			for _, look := range behind {
				require.True(t, after == nil || strings.Contains(listing, look), listing)
			}
		}
	}
	_, _, err = s.Hide(ctx, cloud.PresentationID, cloud.ID, "Rome", true)
	plans("Hide", err)
	for _, plan := range plans("Votes",
		s.Votes(ctx, p.ID, displayed, uuid.Nil, func(poll.VoterAnswer) error { return nil })) {
		require.NotContains(t, plan, "ORDER BY",
			"the list comes in the order of the key, from the first row on")
	}
	polltest.CallTheRest(t, s, p, 1, func(call string, err error) { plans(call, err) })
	clouded(t, s)
	plans("Create", nil)
	require.Empty(t, polltest.Unseen(seen), "calls that were not looked at")
}

// ordered requires that words come in the order of the index, and how each is spelled as its index
// has it first.
func ordered(t *testing.T, plan string) {
	t.Helper()
	require.Contains(t, plan,
		"SEARCH s USING COVERING INDEX spellings_ranked (poll_id=? AND word=? AND count>?)")
	require.NotContains(t, plan, "ORDER BY")
}

// clouded is a word cloud that is open.
func clouded(t *testing.T, s *testStore) poll.Poll {
	t.Helper()
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Where?", Kind: question.WordCloud}}})
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Create(t.Context(), p))
	return p.Polls[0]
}

// in puts batches into a partition.
func in(partition int, batches ...poll.Batch) []poll.Batch {
	for i := range batches {
		batches[i].Partition = partition
	}
	return batches
}

// said is a batch in which voters, always the same ones, say these words.
func said(cloud poll.Poll, words ...question.Answer) []poll.Batch {
	b := poll.Batch{ID: uuid.New()}
	for i, word := range words {
		b.Votes = append(b.Votes,
			poll.Vote{ID: uuid.New(), PollID: cloud.ID, VoterID: uuid.UUID{15: byte(i + 1)},
				Version: 1, Answer: word})
	}
	return []poll.Batch{b}
}

func explain(t *testing.T, s *testStore, st polltest.Statement) string {
	t.Helper()
	var steps []struct {
		ID, Parent, NotUsed int
		Detail              string
	}
	s.read(t, &steps, "EXPLAIN QUERY PLAN "+st.Query, st.Args...)
	var plan strings.Builder
	for _, step := range steps {
		plan.WriteString(step.Detail + "\n")
	}
	return plan.String()
}

func TestCountingTakesTheSameStatementsForAnyNumberOfVotes(t *testing.T) {
	s, r, p := recorded(t)
	count := func(batches []poll.Batch) (queries []string) {
		_, err := s.Count(t.Context(), batches)
		require.NoError(t, err)
		for _, st := range r.Take() {
			queries = append(queries, st.Query)
		}
		return queries
	}
	one := count(ballot(p, 1))
	require.Len(t, one, 6)
	require.Equal(t, one, count(ballot(p, 1000)))
	var many []poll.Batch
	for range 100 {
		many = append(many, ballot(p, 3)...)
	}
	require.Equal(t, one, count(many))
}

package e2e

import (
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestEverythingGoesThroughPgBouncerInTransactionModeAndItsDeathLosesNothing has replicas and
// workers reach the database through PgBouncer alone, which has fewer connections than they ask
// for. It is killed twice while people vote, read and move through the slides.
func TestEverythingGoesThroughPgBouncerInTransactionModeAndItsDeathLosesNothing(t *testing.T) {
	const texts = 1100 // more than the store reads at once
	s, st := own(t, stack.Config{Parts: stack.Everything | stack.PgBouncer, APIs: 2, Workers: 2,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	client := newFast(s.base, 64)
	defer client.close()
	x := newAudience(t, show(s.Client, slides(200)...))
	x.vote(client, 20)
	x.present(400 * time.Millisecond)
	x.read()
	for range 2 {
		time.Sleep(3 * time.Second)
		acknowledged := x.acknowledged.Load()
		require.Positive(t, acknowledged)
		st.PgBouncer.Kill()
		time.Sleep(2 * time.Second)
		require.NoError(t, st.PgBouncer.Start(t.Context()))
		taken := func() bool { return x.acknowledged.Load() > acknowledged+100 }
		require.Eventually(t, taken, 20*time.Second, 10*time.Millisecond, "votes are taken again")
	}
	time.Sleep(2 * time.Second)
	x.leave()
	t.Logf("%d votes acknowledged, %d retried, %d moves, %d repeated, %d reads, %d repeated",
		x.acknowledged.Load(), x.retried.Load(), x.moves.Load(), x.movedAgain.Load(),
		x.reads.Load(), x.again.Load())
	require.Greater(t, x.moves.Load(), int64(10))
	require.LessOrEqual(t, sessions(t, st), 10, "somebody reaches the database in another way")
	require.NotZero(t, x.retried.Load()+x.again.Load()+x.movedAgain.Load(), "nobody noticed it")
	r := x.room
	require.Equal(t, http.StatusNoContent, r.Clear().Status)
	finalOf(t, r, r.Polls[x.shown.Load()].PollID)
	t.Logf("%d votes are counted", x.book.check(t, r))

	// Lists in pages, files, words, edits, and who is there.
	cloud := show(s.Client, NewPoll{Question: "Where?", Kind: "word_cloud"}, choice("And?"))
	say(cloud, cloud.Polls[0].PollID, many(texts))
	require.Len(t, cloud.Votes(cloud.Polls[0].PollID), texts)
	for _, format := range []string{"json", "csv&separator=%3B", "xlsx"} {
		require.Len(t, file(t, cloud, format, cloud.PresenterToken, 0), texts, format)
	}
	require.Equal(t, cloud.Polls[1].PollID, cloud.Next().PollID)
	require.Equal(t, http.StatusOK, cloud.admit(object{"voters": "pass", "max_voters": 1}).Status)
	require.NotEmpty(t, cloud.Pass("").Pass)
	for _, p := range st.APIs {
		ready := NewClient(t, p.URL).Do(Request{Method: http.MethodGet, Path: "/readyz"})
		require.Equal(t, http.StatusOK, ready.Status)
	}
}

// sessions is how many the role of APIs and workers has at the database.
func sessions(t *testing.T, st *stack.Stack) (n int) {
	t.Helper()
	db, err := sql.Open("postgres", st.DatabaseAdminURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	const query = `SELECT count(*) FROM pg_stat_activity WHERE usename = 'plenary'`
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	require.Positive(t, n)
	return n
}

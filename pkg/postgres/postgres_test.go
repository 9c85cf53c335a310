package postgres

import (
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(stack.Main(m),
		// toxiproxy forgets some of what it held back when a toxic is taken away.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

func TestStore(t *testing.T) {
	urls := map[poll.Store]string{}
	begin := func(t *testing.T, url string) poll.Store {
		s, err := Open(t.Context(), Config{URL: url})
		require.NoError(t, err)
		urls[s] = url
		return s
	}
	storetest.Run(t,
		func(t *testing.T) poll.Store { return begin(t, stack.PostgresURL(t)) },
		storetest.Shared(func(t *testing.T, s poll.Store) poll.Store { return begin(t, urls[s]) }),
		storetest.Apart(func(t *testing.T, s poll.Store, p poll.Poll) (func(int), func()) {
			return hold(t, admin(t, urls[s]), p.ID)
		}),
		storetest.Ageing(
			func(t *testing.T, s poll.Store, id uuid.UUID, age time.Duration) {
				_, err := s.(*Store).db.Exec(`UPDATE presentations SET used_at = now() - make_interval(secs => $2) WHERE id = $1`, id, age.Seconds())
				require.NoError(t, err)
			},
			func(t *testing.T, s poll.Store, table string, id uuid.UUID) (n int) {
				require.NoError(t, s.(*Store).db.Get(&n, `SELECT count(*) FROM `+table+` WHERE `+ofWhom[table]+` = $1`, id))
				return n
			}),
		storetest.Dating(func(t *testing.T, s poll.Store, pollID uuid.UUID, word string, first uuid.UUID, spellings map[string]int64) {
			db := s.(*Store).db
			_, err := db.Exec(`UPDATE words SET first = $3 WHERE poll_id = $1 AND word = $2`, pollID, word, first)
			require.NoError(t, err)
			_, err = db.Exec(`DELETE FROM spellings WHERE poll_id = $1 AND word = $2`, pollID, word)
			require.NoError(t, err)
			for spelling, count := range spellings {
				_, err := db.Exec(`INSERT INTO spellings (poll_id, word, spelling, count, first) VALUES ($1, $2, $3, $4, $5)`,
					pollID, word, spelling, count, first)
				require.NoError(t, err)
			}
		}))
}

// ofWhom is the column of each table that names whom a row is of.
var ofWhom = map[string]string{"votes": "poll_id", "words": "poll_id", "presence": "presentation_id", "passes": "presentation_id"}

// hold locks a poll's state until release, or the end of the test. waiting returns when so many sessions wait for what another one has locked.
func hold(t *testing.T, db *sql.DB, pollID uuid.UUID) (waiting func(sessions int), release func()) {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM poll_states WHERE poll_id = $1 FOR UPDATE`, pollID)
	require.NoError(t, err)
	waiting = func(sessions int) {
		t.Helper()
		require.Eventually(t, func() bool {
			var found int
			err := db.QueryRow(`SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`).Scan(&found)
			return err == nil && found >= sessions
		}, 5*time.Second, 5*time.Millisecond)
	}
	release = sync.OnceFunc(func() { require.NoError(t, tx.Rollback()) })
	t.Cleanup(release)
	return waiting, release
}

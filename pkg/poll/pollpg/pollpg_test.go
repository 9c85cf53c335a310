package pollpg

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polltest"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(stack.Main(m))
}

// testStore is a store with its engine, and a plain way to the same database.
type testStore struct {
	*Store
	*postgres.DB
	url string
	raw *sqlx.DB
}

// begin opens a store that somebody else closes.
func begin(t testing.TB, c postgres.Config) *testStore {
	t.Helper()
	db, err := postgres.Open(t.Context(), c)
	require.NoError(t, err)
	raw, err := sqlx.Open("postgres", c.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return &testStore{New(db), db, c.URL, raw}
}

func open(t testing.TB, url string) *testStore {
	t.Helper()
	s := begin(t, postgres.Config{URL: url})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	run(t, func(t *testing.T) string { return stack.PostgresURL(t) }, false)
}

// run runs the suite on databases that are found by URLs.
func run(t *testing.T, url func(t *testing.T) string, pooler bool) {
	begin := func(t *testing.T, url string) polltest.Store {
		return begin(t, postgres.Config{URL: url, Pooler: pooler})
	}
	polltest.Run(t,
		func(t *testing.T) polltest.Store { return begin(t, url(t)) },
		polltest.Shared(func(t *testing.T,
			s polltest.Store) polltest.Store {
			return begin(t, s.(*testStore).url)
		}),
		polltest.Apart(func(t *testing.T, s polltest.Store, p poll.Poll) (func(int), func()) {
			return hold(t, s.(*testStore).raw, p.ID)
		}),
		polltest.Before(func(t *testing.T, s polltest.Store, id uuid.UUID) {
			_, err := s.(*testStore).raw.Exec(
				`UPDATE presentations SET partition = NULL WHERE id = $1`, id)
			require.NoError(t, err)
		}),
		polltest.Folds(inside()),
		polltest.Recounts(func(t *testing.T, s polltest.Store, statement string, id uuid.UUID) {
			_, err := s.(*testStore).raw.Exec(statement+"$1", id)
			require.NoError(t, err)
		}),
		polltest.Ageing(
			func(t *testing.T, s polltest.Store, id uuid.UUID, age time.Duration) {
				_, err := s.(*testStore).raw.Exec(`UPDATE presentations
					SET used_at = now() - make_interval(secs => $2) WHERE id = $1`,
					id, age.Seconds())
				require.NoError(t, err)
			},
			func(t *testing.T, s polltest.Store, table string, id uuid.UUID) (n int) {
				require.NoError(t, s.(*testStore).raw.Get(&n, `SELECT count(*) FROM `+table+
					` WHERE `+ofWhom[table]+` = $1`, id))
				return n
			}),
		polltest.Dating(func(t *testing.T, s polltest.Store, pollID uuid.UUID, word string,
			first uuid.UUID, spellings map[string]int64) {
			db := s.(*testStore).raw
			_, err := db.Exec(`UPDATE words SET first = $3 WHERE poll_id = $1 AND word = $2`,
				pollID, word, first)
			require.NoError(t, err)
			_, err = db.Exec(`DELETE FROM spellings WHERE poll_id = $1 AND word = $2`, pollID, word)
			require.NoError(t, err)
			for spelling, count := range spellings {
				_, err := db.Exec(
					`INSERT INTO spellings (poll_id, word, spelling, count, first) VALUES ($1, `+
						`$2, $3, $4, $5)`,
					pollID, word, spelling, count, first)
				require.NoError(t, err)
			}
		}))
}

// ofWhom is the column of each table that names whom a row is of.
var ofWhom = map[string]string{"votes": "poll_id", "words": "poll_id", "spellings": "poll_id",
	"presence": "presentation_id", "passes": "presentation_id"}

// inside knows the tables of stores, and what processes of before the present fold did with them.
func inside() polltest.Inside {
	exec := func(t require.TestingT, s polltest.Store, query string, args ...any) {
		_, err := s.(*testStore).raw.Exec(query, args...)
		require.NoError(t, err)
	}
	return polltest.Inside{
		Words: func(t require.TestingT, s polltest.Store,
			id uuid.UUID) (words []question.CountedWord, f poll.Folding) {
			db := s.(*testStore).raw
			require.NoError(t, db.QueryRow(`SELECT fold, stale FROM poll_states WHERE poll_id = $1`,
				id).Scan(&f.Fold, &f.Stale))
			var rows []struct {
				Word   string
				Count  int64
				First  uuid.UUID
				Hidden bool
			}
			require.NoError(t, db.Select(&rows,
				`SELECT word, count, first, hidden FROM words WHERE poll_id = $1 ORDER BY word`,
				id))
			for _, r := range rows {
				w := question.CountedWord{Word: r.Word, Count: r.Count, First: r.First,
					Hidden: r.Hidden}
				require.NoError(t, db.Select(&w.Spellings, `
					SELECT spelling, count, first FROM spellings WHERE poll_id = $1 AND word = $2 ORDER BY spelling`, id, r.Word))
				words = append(words, w)
			}
			return words, f
		},
		Hide: func(t require.TestingT, s polltest.Store, id uuid.UUID, word string) {
			exec(t, s, `UPDATE words SET hidden = true WHERE poll_id = $1 AND word = $2`, id, word)
		},
		Begin: func(t require.TestingT, s polltest.Store, id uuid.UUID) {
			exec(t, s, `UPDATE poll_states SET fold = 1, fold_revision = 0 WHERE poll_id = $1`, id)
		},
		Count: func(t require.TestingT, s polltest.Store, id uuid.UUID, votes []poll.Vote,
			voters int, moves map[string]int64) {
			for _, v := range votes {
				exec(t, s, `
					INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id) VALUES ($1, $2, $3, $4, $5, $6)
					ON CONFLICT (poll_id, voter_id) DO UPDATE SET answer = excluded.answer, vote_id = excluded.vote_id`,
					id, v.VoterID, v.Version, v.Seq, string(v.Answer), v.ID)
			}
			for word, by := range moves {
				exec(t, s, `
					INSERT INTO words AS w (poll_id, word, count) VALUES ($1, $2, $3)
					ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count`, id, word, by)
			}
			exec(t, s, `DELETE FROM words WHERE poll_id = $1 AND count = 0`, id)
			exec(t, s, `UPDATE poll_states SET voters = voters + $2, revision = revision + 1 `+
				`WHERE poll_id = $1`, id, voters)
		},
		Reset: func(t require.TestingT, s polltest.Store, id uuid.UUID) {
			exec(t, s, `DELETE FROM votes WHERE poll_id = $1`, id)
			exec(t, s, `DELETE FROM words WHERE poll_id = $1`, id)
			exec(t, s, `
				UPDATE poll_states SET status = 'pending', opened = 0, voters = 0, revision = revision + 1
				WHERE poll_id = $1`, id)
		},
		Downgrade: func(t require.TestingT, s polltest.Store) {
			for _, name := range []string{
				"0017_outbox", "0016_forms", "0015_feeds", "0014_presentation_talk",
				"0013_accounts", "0012_talks", "0011_counting",
				"0010_partitions", "0009_counting",
				"0008_spellings", "0007_mends", "0006_texts",
			} {
				down, err := os.ReadFile("../../../migrations/postgres/" + name + ".down.sql")
				require.NoError(t, err)
				exec(t, s, string(down))
			}
			exec(t, s, `UPDATE schema_migrations SET version = 5`)
		},
		Seal: func(t require.TestingT, s polltest.Store, id uuid.UUID, version int64) {
			exec(t, s, `UPDATE poll_states SET status = 'final', sealed = $2, revision = `+
				`revision + 2 WHERE poll_id = $1`, id, version)
		},
	}
}

// hold locks a poll's state until release, or the end of the test. waiting returns when so many
// sessions wait for what another one has locked.
func hold(t *testing.T, db *sqlx.DB, pollID uuid.UUID) (waiting func(sessions int),
	release func()) {
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

func TestEveryCallIsMeasuredUnderItsName(t *testing.T) {
	told := map[string]int{}
	s := begin(t, postgres.Config{URL: stack.PostgresURL(t),
		Observe: func(call string, _ time.Duration, _ error) { told[call]++ }})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	polltest.RequireMeasured(t, s, func() map[string]int { return told })
}

package polllite

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polltest"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testStore is a store with its engine.
type testStore struct {
	*Store
	*sqlite.DB
	path string
}

func open(t testing.TB, path string) *testStore {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	return &testStore{New(db), db, path}
}

// exec runs statements that no store sends.
func (s *testStore) exec(t require.TestingT, query string, args ...any) {
	require.NoError(t, s.Write(context.Background(), "test", func(tx *sqlx.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

// read reads rows into a list, or one into anything else.
func (s *testStore) read(t require.TestingT, into any, query string, args ...any) {
	require.NoError(t, s.Read(context.Background(), "test", func(q sqlite.Queryer) error {
		if reflect.TypeOf(into).Elem().Kind() == reflect.Slice {
			return q.SelectContext(context.Background(), into, query, args...)
		}
		return q.GetContext(context.Background(), into, query, args...)
	}))
}

func TestStore(t *testing.T) {
	polltest.Run(t,
		func(t *testing.T) polltest.Store {
			return open(t,
				filepath.Join(t.TempDir(), "plenary.db"))
		},
		polltest.Shared(func(t *testing.T,
			s polltest.Store) polltest.Store {
			return open(t, s.(*testStore).path)
		}),
		polltest.Before(func(t *testing.T, s polltest.Store, id uuid.UUID) {
			s.(*testStore).exec(t, `UPDATE presentations SET partition = NULL WHERE id = ?`, id[:])
		}),
		polltest.Folds(inside()),
		polltest.Recounts(func(t *testing.T, s polltest.Store, statement string, id uuid.UUID) {
			s.(*testStore).exec(t, statement+"?", id[:])
		}),
		polltest.Ageing(
			func(t *testing.T, s polltest.Store, id uuid.UUID, age time.Duration) {
				s.(*testStore).exec(t, `UPDATE presentations
					SET used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) WHERE id = ?`,
					sqlite.Ago(age), id[:])
			},
			func(t *testing.T, s polltest.Store, table string, id uuid.UUID) (n int) {
				s.(*testStore).read(t, &n, `SELECT count(*) FROM `+table+` WHERE `+ofWhom[table]+
					` = ?`, id[:])
				return n
			}),
		polltest.Dating(func(t *testing.T, s polltest.Store, pollID uuid.UUID, word string,
			first uuid.UUID, spellings map[string]int64) {
			w := s.(*testStore)
			w.exec(t, `UPDATE words SET first = ? WHERE poll_id = ? AND word = ?`, first[:],
				pollID[:], word)
			w.exec(t, `DELETE FROM spellings WHERE poll_id = ? AND word = ?`, pollID[:], word)
			for spelling, count := range spellings {
				w.exec(t, `INSERT INTO spellings (poll_id, word, spelling, count, first)
					VALUES (?, ?, ?, ?, ?)`,
					pollID[:], word, spelling, count, first[:])
			}
		}))
}

// ofWhom is the column of each table that names whom a row is of.
var ofWhom = map[string]string{"votes": "poll_id", "words": "poll_id", "spellings": "poll_id",
	"presence": "presentation_id", "passes": "presentation_id"}

// inside knows the tables of stores, and what processes of before the present fold did with them.
func inside() polltest.Inside {
	exec := func(t require.TestingT, s polltest.Store, query string, args ...any) {
		s.(*testStore).exec(t, query, args...)
	}
	return polltest.Inside{
		Words: func(t require.TestingT, s polltest.Store,
			id uuid.UUID) (words []question.CountedWord, f poll.Folding) {
			db := s.(*testStore)
			db.read(t, &f, `SELECT fold, fold_revision <> revision AS stale FROM poll_states
				WHERE poll_id = ?1`, id[:])
			var rows []struct {
				Word   string
				Count  int64
				First  uuid.UUID
				Hidden bool
			}
			db.read(t, &rows, `SELECT word, count, first, hidden FROM words WHERE poll_id = ?1
				ORDER BY word`, id[:])
			for _, r := range rows {
				w := question.CountedWord{Word: r.Word, Count: r.Count, First: r.First,
					Hidden: r.Hidden}
				db.read(t, &w.Spellings, `
					SELECT spelling, count, first FROM spellings WHERE poll_id = ?1 AND word = ?2
						ORDER BY spelling`, id[:], r.Word)
				words = append(words, w)
			}
			return words, f
		},
		Hide: func(t require.TestingT, s polltest.Store, id uuid.UUID, word string) {
			exec(t, s, `UPDATE words SET hidden = true WHERE poll_id = ?1 AND word = ?2`,
				id[:], word)
		},
		Begin: func(t require.TestingT, s polltest.Store, id uuid.UUID) {
			exec(t, s, `UPDATE poll_states SET fold = 1, fold_revision = 0 WHERE poll_id = ?1`,
				id[:])
		},
		Count: func(t require.TestingT, s polltest.Store, id uuid.UUID, votes []poll.Vote,
			voters int, moves map[string]int64) {
			for _, v := range votes {
				exec(t, s, `
					INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
					ON CONFLICT (poll_id, voter_id) DO UPDATE SET answer = excluded.answer, vote_id = excluded.vote_id`,
					id[:], v.VoterID[:], v.Version, v.Seq, string(v.Answer), v.ID[:])
			}
			for word, by := range moves {
				exec(t, s, `
					INSERT INTO words (poll_id, word, count) VALUES (?1, ?2, ?3)
					ON CONFLICT (poll_id, word) DO UPDATE SET count = words.count + excluded.count`, id[:], word, by)
			}
			exec(t, s, `DELETE FROM words WHERE poll_id = ?1 AND count = 0`, id[:])
			exec(t, s, `UPDATE poll_states SET voters = voters + ?2, revision = revision + 1 `+
				`WHERE poll_id = ?1`, id[:], voters)
		},
		Reset: func(t require.TestingT, s polltest.Store, id uuid.UUID) {
			exec(t, s, `DELETE FROM votes WHERE poll_id = ?1`, id[:])
			exec(t, s, `DELETE FROM words WHERE poll_id = ?1`, id[:])
			exec(t, s, `
				UPDATE poll_states SET status = 'pending', opened = 0, voters = 0, revision = revision + 1
				WHERE poll_id = ?1`, id[:])
		},
		Downgrade: func(t require.TestingT, s polltest.Store) {
			for _, name := range []string{
				"0017_outbox", "0016_forms", "0015_feeds", "0014_presentation_talk",
				"0013_accounts", "0012_talks", "0011_counting",
				"0010_partitions", "0009_counting",
				"0008_spellings", "0007_mends", "0006_texts",
			} {
				down, err := os.ReadFile("../../../migrations/sqlite/" + name + ".down.sql")
				require.NoError(t, err)
				exec(t, s, string(down))
			}
			exec(t, s, `UPDATE schema_migrations SET version = 5`)
		},
		Seal: func(t require.TestingT, s polltest.Store, id uuid.UUID, version int64) {
			exec(t, s, `UPDATE poll_states SET status = 'final', sealed = ?2, revision = `+
				`revision + 2 WHERE poll_id = ?1`, id[:], version)
		},
	}
}

func TestEveryCallIsMeasuredUnderItsName(t *testing.T) {
	told := map[string]int{}
	path := filepath.Join(t.TempDir(), "plenary.db")
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: path,
			Observe: func(call string, _ time.Duration, _ error) { told[call]++ }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &testStore{New(db), db, path}
	polltest.RequireMeasured(t, s, func() map[string]int { return told })
}

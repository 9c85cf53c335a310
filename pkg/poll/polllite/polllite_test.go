package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	paths := map[poll.Store]string{}
	keep := func(path string, s poll.Store) poll.Store {
		paths[s] = path
		return s
	}
	storetest.Run(t,
		func(t *testing.T) poll.Store {
			path := filepath.Join(t.TempDir(), "plenary.db")
			return keep(path, open(t, path))
		},
		storetest.Shared(func(t *testing.T, s poll.Store) poll.Store { return keep(paths[s], open(t, paths[s])) }),
		storetest.Folds(inside()),
		storetest.Ageing(
			func(t *testing.T, s poll.Store, id uuid.UUID, age time.Duration) {
				_, err := s.(*Store).writer.Exec(`UPDATE presentations SET used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) WHERE id = ?`, ago(age), id[:])
				require.NoError(t, err)
			},
			func(t *testing.T, s poll.Store, table string, id uuid.UUID) (n int) {
				require.NoError(t, s.(*Store).reader.Get(&n, `SELECT count(*) FROM `+table+` WHERE `+ofWhom[table]+` = ?`, id[:]))
				return n
			}),
		storetest.Dating(func(t *testing.T, s poll.Store, pollID uuid.UUID, word string, first uuid.UUID, spellings map[string]int64) {
			w := s.(*Store).writer
			_, err := w.Exec(`UPDATE words SET first = ? WHERE poll_id = ? AND word = ?`, first[:], pollID[:], word)
			require.NoError(t, err)
			_, err = w.Exec(`DELETE FROM spellings WHERE poll_id = ? AND word = ?`, pollID[:], word)
			require.NoError(t, err)
			for spelling, count := range spellings {
				_, err := w.Exec(`INSERT INTO spellings (poll_id, word, spelling, count, first) VALUES (?, ?, ?, ?, ?)`,
					pollID[:], word, spelling, count, first[:])
				require.NoError(t, err)
			}
		}))
}

// ofWhom is the column of each table that names whom a row is of.
var ofWhom = map[string]string{"votes": "poll_id", "words": "poll_id", "spellings": "poll_id", "presence": "presentation_id", "passes": "presentation_id"}

// inside knows the tables of stores, and what processes of before the present fold did with them.
func inside() storetest.Inside {
	exec := func(t require.TestingT, s poll.Store, query string, args ...any) {
		_, err := s.(*Store).writer.Exec(query, args...)
		require.NoError(t, err)
	}
	return storetest.Inside{
		Words: func(t require.TestingT, s poll.Store, id uuid.UUID) (words []poll.CountedWord, f poll.Folding) {
			db := s.(*Store).writer
			require.NoError(t, db.QueryRow(`SELECT fold, fold_revision <> revision FROM poll_states WHERE poll_id = ?1`, id[:]).Scan(&f.Fold, &f.Stale))
			var rows []struct {
				Word   string
				Count  int64
				First  uuid.UUID
				Hidden bool
			}
			require.NoError(t, db.Select(&rows, `SELECT word, count, first, hidden FROM words WHERE poll_id = ?1 ORDER BY word`, id[:]))
			for _, r := range rows {
				w := poll.CountedWord{Word: r.Word, Count: r.Count, First: r.First, Hidden: r.Hidden}
				require.NoError(t, db.Select(&w.Spellings, `
					SELECT spelling, count, first FROM spellings WHERE poll_id = ?1 AND word = ?2 ORDER BY spelling`, id[:], r.Word))
				words = append(words, w)
			}
			return words, f
		},
		Hide: func(t require.TestingT, s poll.Store, id uuid.UUID, word string) {
			exec(t, s, `UPDATE words SET hidden = true WHERE poll_id = ?1 AND word = ?2`, id[:], word)
		},
		Begin: func(t require.TestingT, s poll.Store, id uuid.UUID) {
			exec(t, s, `UPDATE poll_states SET fold = 1, fold_revision = 0 WHERE poll_id = ?1`, id[:])
		},
		Count: func(t require.TestingT, s poll.Store, id uuid.UUID, votes []poll.Vote, voters int, moves map[string]int64) {
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
			exec(t, s, `UPDATE poll_states SET voters = voters + ?2, revision = revision + 1 WHERE poll_id = ?1`, id[:], voters)
		},
		Reset: func(t require.TestingT, s poll.Store, id uuid.UUID) {
			exec(t, s, `DELETE FROM votes WHERE poll_id = ?1`, id[:])
			exec(t, s, `DELETE FROM words WHERE poll_id = ?1`, id[:])
			exec(t, s, `
				UPDATE poll_states SET status = 'pending', opened = 0, voters = 0, revision = revision + 1
				WHERE poll_id = ?1`, id[:])
		},
		Downgrade: func(t require.TestingT, s poll.Store) {
			for _, name := range []string{"0008_spellings", "0007_mends", "0006_texts"} {
				down, err := os.ReadFile("../../migrations/sqlite/" + name + ".down.sql")
				require.NoError(t, err)
				exec(t, s, string(down))
			}
			exec(t, s, `UPDATE schema_migrations SET version = 5`)
		},
		Seal: func(t require.TestingT, s poll.Store, id uuid.UUID, version int64) {
			exec(t, s, `UPDATE poll_states SET status = 'final', sealed = ?2, revision = revision + 2 WHERE poll_id = ?1`, id[:], version)
		},
	}
}

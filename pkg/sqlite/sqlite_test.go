package sqlite

import (
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
var ofWhom = map[string]string{"votes": "poll_id", "words": "poll_id", "presence": "presentation_id", "passes": "presentation_id"}

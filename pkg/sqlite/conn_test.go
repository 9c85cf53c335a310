package sqlite

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// kept gives the statements that the writer keeps.
func kept(t *testing.T, s *Store) (queries []string) {
	t.Helper()
	c, err := s.writer.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Raw(func(raw any) error {
		queries = slices.Sorted(maps.Keys(raw.(*conn).kept))
		return nil
	}))
	require.NoError(t, c.Close())
	return queries
}

func TestAConnectionKeepsAStatementOnceHoweverOftenItRuns(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p := presented(t, s)
	_, err := s.Count(t.Context(), 0, ballot(p, 1))
	require.NoError(t, err)
	once := kept(t, s)
	require.Contains(t, once, writeVotes)
	for _, n := range []int{1, 7, 1000} {
		_, err = s.Count(t.Context(), 0, append(ballot(p, n), ballot(p, n)...))
		require.NoError(t, err)
	}
	require.Equal(t, once, kept(t, s))
}

func TestAStatementMayRunWhileItsOwnRowsAreRead(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	tx, err := s.writer.Beginx()
	require.NoError(t, err)
	const query = `SELECT value FROM json_each(?)`
	outer, err := tx.Query(query, `[1, 2, 3]`)
	require.NoError(t, err)
	defer outer.Close()
	var seen []int
	for outer.Next() {
		var n int
		require.NoError(t, outer.Scan(&n))
		var inner []int
		require.NoError(t, tx.Select(&inner, query, `[4, 5]`))
		seen = append(append(seen, n), inner...)
	}
	require.NoError(t, outer.Err()) // at their end they are closed
	require.Equal(t, []int{1, 4, 5, 2, 4, 5, 3, 4, 5}, seen)
	require.NoError(t, tx.Commit())
	require.Contains(t, kept(t, s), query)
}

func TestAKeptStatementWorksAfterAnotherProcessChangedTheSchemaOrAfterAFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	s, other := open(t, path), open(t, path)
	p := presented(t, s)
	counts := func() {
		t.Helper()
		o, err := s.Count(t.Context(), 0, ballot(p, 3))
		require.NoError(t, err)
		require.Equal(t, [][]poll.Verdict{{poll.Counted, poll.Counted, poll.Counted}}, o.Verdicts)
	}
	counts()
	_, err := other.writer.Exec(`ALTER TABLE votes ADD COLUMN more TEXT NOT NULL DEFAULT ''`)
	require.NoError(t, err)
	counts()
	_, err = other.writer.Exec(`CREATE TRIGGER refuse BEFORE INSERT ON votes BEGIN SELECT RAISE(ABORT, 'no'); END`)
	require.NoError(t, err)
	_, err = s.Count(t.Context(), 0, ballot(p, 3))
	require.ErrorContains(t, err, "no")
	_, err = other.writer.Exec(`DROP TRIGGER refuse`)
	require.NoError(t, err)
	counts()
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
}

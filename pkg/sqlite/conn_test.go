package sqlite

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// keep writes as many secrets as there are names.
const keep = `INSERT INTO secrets (name, value) SELECT value, x'00' FROM json_each(?)`

// write keeps n secrets that are not there yet.
func write(t *testing.T, s *DB, n int) error {
	t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%q", rand.Text())
	}
	return s.Write(t.Context(), "write", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(t.Context(), keep, "["+strings.Join(names, ",")+"]")
		return Exactly(n, "secrets", result, err)
	})
}

// kept gives the statements that the writer keeps.
func kept(t *testing.T, s *DB) (queries []string) {
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
	require.NoError(t, write(t, s, 1))
	once := kept(t, s)
	require.Contains(t, once, keep)
	for _, n := range []int{1, 7, 1000} {
		require.NoError(t, write(t, s, n))
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
	require.NoError(t, write(t, s, 3))
	change := func(statement string) {
		t.Helper()
		_, err := other.writer.Exec(statement)
		require.NoError(t, err)
	}
	change(`ALTER TABLE secrets ADD COLUMN more TEXT NOT NULL DEFAULT ''`)
	require.NoError(t, write(t, s, 3))
	change(`CREATE TRIGGER refuse BEFORE INSERT ON secrets BEGIN SELECT RAISE(ABORT, 'no'); END`)
	require.ErrorContains(t, write(t, s, 3), "no")
	change(`DROP TRIGGER refuse`)
	require.NoError(t, write(t, s, 3))
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
}

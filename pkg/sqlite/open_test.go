package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/migrations"
	"github.com/plenary-live/plenary/pkg/fault"
)

func TestManyMayStartAtOnceOnTheSameNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			s, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				return err
			}
			return errors.Join(s.Ping(t.Context()), s.Close())
		})
	}
	require.NoError(t, group.Wait())
}

func TestAnyPathOfAFileWorksAndNothingElseStaysBehind(t *testing.T) {
	names := []string{"plenary.db", "with space.db", "100%.db", "%3F.db", "a#b.db", "ünï🗳.db",
		"a&b=c;d+e'f.db", ":memory:", "file:x"}
	if runtime.GOOS != "windows" {
		names = append(names, "what?.db", "a?mode=memory", `back\slash"`)
	} else {
		names = names[:7]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a folder?%20#")
			if runtime.GOOS == "windows" {
				dir = filepath.Join(t.TempDir(), "a folder%20#")
			}
			require.NoError(t, os.Mkdir(dir, 0o700))
			s := open(t, filepath.Join(dir, name))
			require.NoError(t, s.Partitions(t.Context(), 2))
			require.NoError(t, s.Close())
			s = open(t, filepath.Join(dir, name))
			n, err := s.CountPartitions(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, n, "what was written is there")
			require.NoError(t, s.Close())
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, name, entries[0].Name())
		})
	}
}

// TestOnlyTheOwnerCanReadANewDatabase, whatever the umask is: votes and tokens are in it.
func TestOnlyTheOwnerCanReadANewDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Partitions(t.Context(), 2))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), name)
	}
}

// TestADatabaseKeepsTheModeThatItsOwnerGaveIt: perhaps a program that makes backups belongs to its
// group.
func TestADatabaseKeepsTheModeThatItsOwnerGaveIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.Chmod(path, 0o640))
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Partitions(t.Context(), 2))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640), info.Mode(), name)
	}
}

func TestARelativePathIsInTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, open(t, "plenary.db").Close())
	require.FileExists(t, "plenary.db")
}

func TestWhatCannotBeADatabaseStopsTheStartWithOneLine(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600))
	for name, c := range map[string]struct{ path, says string }{
		"no path":        {"", "not the path"},
		"NUL":            {"a\x00b", "not the path"},
		"a folder":       {dir, "is a folder"},
		"no such folder": {filepath.Join(dir, "nowhere", "plenary.db"), "does not exist"},
		"below a file":   {filepath.Join(text, "plenary.db"), "does not exist"},
		"not a database": {text, "is not an SQLite database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{Path: c.path})
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			require.Empty(t, fault.CodeOf(err), "waiting does not heal it")
		})
	}
	before, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("no database ", 1000), string(before), "the file is somebody's")
}

func TestAFileThatMayNotBeWrittenStopsTheStartWithOneLine(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root may write everything")
	}
	path := filepath.Join(t.TempDir(), "plenary.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := Open(t.Context(), Config{Path: path})
	require.ErrorContains(t, err, "permissions")
	require.NotContains(t, err.Error(), "\n")
}

func TestADirtyOrNewerSchemaStopsTheStartWithOneLine(t *testing.T) {
	newest, err := migrations.Newest(migrations.SQLite)
	require.NoError(t, err)
	for name, want := range map[string]migrations.SchemaError{
		"dirty": {Found: newest, Newest: newest, Dirty: true},
		"newer": {Found: 4711, Newest: newest},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "plenary.db")
			s := open(t, path)
			_, err := s.writer.Exec(`UPDATE schema_migrations SET version = ?, dirty = ?`,
				want.Found, want.Dirty)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			_, err = Open(t.Context(), Config{Path: path})
			var got *migrations.SchemaError
			require.ErrorAs(t, err, &got)
			require.Equal(t, want, *got)
			require.Contains(t, err.Error(), path)
			require.NotContains(t, err.Error(), "\n")
			require.Empty(t, fault.CodeOf(err), "waiting does not heal it")
		})
	}
}

func (db *DB) migrator(t *testing.T) *migrator {
	t.Helper()
	conn, err := db.writer.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return &migrator{ctx: t.Context(), conn: conn}
}

func objects(t *testing.T, m *migrator) (n int) {
	t.Helper()
	const query = `SELECT count(*) FROM sqlite_schema WHERE name <> 'schema_migrations' AND name ` +
		`NOT LIKE 'sqlite_%'`
	require.NoError(t, m.conn.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

func TestMigratingDownRemovesAllAndUpBringsItBack(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	m := s.migrator(t)
	all := objects(t, m)
	require.Greater(t, all, 5)
	require.NoError(t, migrations.Down(migrations.SQLite, m))
	require.Zero(t, objects(t, m))
	require.NoError(t, migrations.Up(t.Context(), migrations.SQLite, m))
	require.Equal(t, all, objects(t, m))
}

func TestAMigrationThatBreaksOffLeavesNoTrace(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	m := s.migrator(t)
	before := objects(t, m)
	version, _, err := m.Version()
	require.NoError(t, err)
	require.NoError(t, m.Lock())
	require.NoError(t, m.SetVersion(version+1, true))
	require.Error(
		t, m.Run(strings.NewReader(
			"CREATE TABLE more (id INTEGER); CREATE TABLE more (id INTEGER);")))
	require.NoError(t, m.Unlock())
	require.Equal(t, before, objects(t, m))
	now, dirty, err := m.Version()
	require.NoError(t, err)
	require.False(t, dirty)
	require.Equal(t, version, now)
}

func TestEveryConnectionHasItsSettings(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
		"fullfsync": "1", "query_only": "0",
		"temp_store": "2",
	} {
		var got string
		require.NoError(t, s.writer.Get(&got, "PRAGMA "+pragma))
		require.Equal(t, want, got, pragma)
	}
	_, err := s.reader.Exec("DELETE FROM votes")
	require.Error(t, err)
}

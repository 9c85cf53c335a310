package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/plenary-live/plenary/migrations"
	"github.com/plenary-live/plenary/pkg/fault"
)

// What every connection gets. A commit is on the disk when it returns: FULL syncs the log at each
// one, and fullfsync makes macOS mean it. What one statement changes is first copied aside, so
// that a fault undoes it alone. The copy is in memory (a page a vote at most), as writing it to a
// temporary file was a tenth of counting. The log is taken over into the file every 16 MB. Voters'
// ids are random, so nearly every vote changes a page of its own. The longer the log, the more
// often a page is in it twice.
var (
	writing = []string{"busy_timeout(5000)", "foreign_keys(1)", "synchronous(FULL)", "fullfsync(1)",
		"checkpoint_fullfsync(1)",
		"cache_size(-16000)", "temp_store(MEMORY)", "journal_size_limit(67108864)",
		"wal_autocheckpoint(4000)"}
	reading = []string{"busy_timeout(5000)", "query_only(1)"}
)

// checkPath gives the absolute path and says in words what SQLite would only say with a number.
func checkPath(path string) (string, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q is not the path of a database file", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder, not a database file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return "", fmt.Errorf("the folder of the database file %s does not exist", path)
	}
	return path, nil
}

// private makes a file that is not there, so that nobody else can read it; SQLite gives its log and
// index the file's mode. What is there stays as its owner made it, and is not opened here: to close
// it would give up this process's locks on it. Errors SQLite meets, too.
func private(path string) {
	if file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = file.Close()
	}
}

// dsn names the file by a URI, in which every character of a path has a place.
func dsn(path string, pragmas []string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive letter
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path}
	q := url.Values{"_txlock": {"immediate"}, "_dqs": {"0"}, "_error_rc": {"1"}, "_pragma": pragmas}
	u.RawQuery = q.Encode()
	return u.String()
}

func (c Config) pool(path string, pragmas []string, conns int) *sqlx.DB {
	var opens driver.Connector = newConnector(dsn(path, pragmas))
	if c.Wrap != nil {
		opens = c.Wrap(opens)
	}
	db := sqlx.NewDb(sql.OpenDB(opens), "sqlite") // opens nothing yet
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db
}

// prepare makes the file ready: its journal, then its schema.
func (db *DB) prepare(ctx context.Context) error {
	err := whileBusy(ctx, func() error {
		var mode string
		// It fails at once when another process does the same at the same moment; the busy time-out
		// does not cover it.
		if err := db.writer.GetContext(ctx, &mode, "PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
		if mode != "wal" {
			return fmt.Errorf(
				"the file system cannot hold a write-ahead log (journal mode %s); a local disk can",
				mode)
		}
		return nil
	})
	if err != nil {
		return err
	}
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(migrations.Up(ctx, migrations.SQLite,
		&migrator{ctx: ctx, conn: conn}), conn.Close())
}

// whileBusy repeats f while another process holds the file, as long as ctx allows.
func whileBusy(ctx context.Context, f func() error) error {
	for {
		err := f()
		if code(err) != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// openError puts into words what a start may meet.
func openError(path string, err error) error {
	var reason string
	switch code(err) {
	case sqlite3.SQLITE_NOTADB:
		reason = "is not an SQLite database"
	case sqlite3.SQLITE_CORRUPT:
		reason = "is damaged"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		reason = "cannot be opened; look at the permissions of the file and its folder"
	case sqlite3.SQLITE_READONLY:
		reason = "cannot be written; look at the permissions of the file and its folder"
	default:
		if err = translate(err); fault.CodeOf(err) != (fault.Code{}) {
			return err
		}
		return fmt.Errorf("the database file %s: %w", path, err)
	}
	return fmt.Errorf("the database file %s %s: %w", path, reason, err)
}

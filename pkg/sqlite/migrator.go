package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"

	"github.com/golang-migrate/migrate/v4/database"
)

// migrator is the library's driver for one connection. The library's own locks within one process
// only and commits every step, so that two processes that start together trip over each other.
// Here the lock is SQLite's own, a transaction around all steps. It holds between processes on
// every system and leaves no file behind. A migration that breaks off leaves no trace. The table
// is the one that the library's command knows.
type migrator struct {
	ctx    context.Context // of the start: waiting for the lock ends with it
	conn   *sql.Conn
	failed bool
}

var _ database.Driver = (*migrator)(nil)

func (m *migrator) Lock() error {
	err := whileBusy(m.ctx, func() error {
		_, err := m.conn.ExecContext(m.ctx, "BEGIN IMMEDIATE")
		return err
	})
	if err != nil {
		return err
	}
	m.failed = false
	if err := m.exec(
		"CREATE TABLE IF NOT EXISTS schema_migrations (version uint64, dirty bool)"); err != nil {
		return errors.Join(err, m.Unlock())
	}
	return nil
}

func (m *migrator) Unlock() error {
	end := "COMMIT"
	if m.failed {
		end = "ROLLBACK"
	}
	_, err := m.conn.ExecContext(context.Background(), end)
	return err
}

func (m *migrator) Run(migration io.Reader) error {
	text, err := io.ReadAll(migration)
	if err != nil {
		m.failed = true
		return err
	}
	return m.exec(string(text))
}

func (m *migrator) SetVersion(version int, dirty bool) error {
	if err := m.exec("DELETE FROM schema_migrations"); err != nil || version < 0 && !dirty {
		return err
	}
	return m.exec("INSERT INTO schema_migrations (version, dirty) VALUES (?, ?)", version, dirty)
}

func (m *migrator) Version() (version int, dirty bool, err error) {
	err = m.conn.QueryRowContext(context.Background(),
		"SELECT version, dirty FROM schema_migrations").Scan(&version, &dirty)
	if errors.Is(err, sql.ErrNoRows) {
		return database.NilVersion, false, nil
	}
	return version, dirty, err
}

func (m *migrator) exec(query string, args ...any) error {
	_, err := m.conn.ExecContext(context.Background(), query, args...)
	m.failed = m.failed || err != nil
	return err
}

func (m *migrator) Close() error { return nil } // whoever made the connection closes it

var errNotSupported = errors.New("not supported")

func (m *migrator) Open(string) (database.Driver, error) { return nil, errNotSupported }
func (m *migrator) Drop() error                          { return errNotSupported }

package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/golang-migrate/migrate/v4/database"

	"github.com/plenary-live/plenary/migrations"
)

// migrationLock is the key of the advisory lock that a starting replica holds while it looks at the
// schema.
const migrationLock = 0x506c656e617279 // "Plenary"

// migrate brings the schema to the newest version, on a connection of its own. Each step is a
// transaction: a migration that breaks off leaves no trace, and others wait for the tables of one
// step only. The lock ends with the transaction, which is all that a pooler lets anybody keep.
func migrate(ctx context.Context, session driver.Connector) (err error) {
	db := sql.OpenDB(session)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for newest := false; err == nil && !newest; {
		newest, err = step(ctx, db)
	}
	return err
}

func step(ctx context.Context, db *sql.DB) (newest bool, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return false, err
	}
	m := &migrator{ctx, tx}
	if err = m.begin(); err == nil {
		newest, err = migrations.Step(migrations.Postgres, m)
	}
	if err != nil {
		_ = tx.Rollback() // the error that matters is the migration's
		return false, err
	}
	return newest, tx.Commit()
}

// migrator is the library's driver for one transaction. The library's own has a lock of the
// session, for which it waits without regard to a context. The table is the one that the library's
// command knows.
type migrator struct {
	ctx context.Context // of the start: all ends with it
	tx  *sql.Tx
}

var _ database.Driver = (*migrator)(nil)

// begin waits for the lock and makes the table of the version, if it is not there.
func (m *migrator) begin() error {
	if err := m.exec("SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	// From here on others wait for us: a migration that needs a busy table must not make them all
	// wait behind it.
	if err := m.exec("SET LOCAL lock_timeout = '10s'"); err != nil {
		return err
	}
	// A role that may only use the tables may not even say that it would make one.
	var there bool
	const ask = "SELECT to_regclass('schema_migrations') IS NOT NULL"
	if err := m.tx.QueryRowContext(m.ctx, ask).Scan(&there); err != nil || there {
		return err
	}
	return m.exec("CREATE TABLE schema_migrations " +
		"(version bigint PRIMARY KEY, dirty boolean NOT NULL)")
}

func (m *migrator) Lock() error   { return nil }
func (m *migrator) Unlock() error { return nil }

func (m *migrator) Run(migration io.Reader) error {
	text, err := io.ReadAll(migration)
	if err != nil {
		return err
	}
	return m.exec(string(text))
}

func (m *migrator) SetVersion(version int, dirty bool) error {
	if err := m.exec("DELETE FROM schema_migrations"); err != nil || version < 0 && !dirty {
		return err
	}
	return m.exec("INSERT INTO schema_migrations (version, dirty) VALUES ($1, $2)", version, dirty)
}

func (m *migrator) Version() (version int, dirty bool, err error) {
	const ask = "SELECT version, dirty FROM schema_migrations"
	err = m.tx.QueryRowContext(m.ctx, ask).Scan(&version, &dirty)
	if errors.Is(err, sql.ErrNoRows) {
		return database.NilVersion, false, nil
	}
	return version, dirty, err
}

func (m *migrator) exec(query string, args ...any) error {
	_, err := m.tx.ExecContext(m.ctx, query, args...)
	return err
}

func (m *migrator) Close() error { return nil } // the transaction is its maker's

var errNotSupported = errors.New("not supported")

func (m *migrator) Open(string) (database.Driver, error) { return nil, errNotSupported }
func (m *migrator) Drop() error                          { return errNotSupported }

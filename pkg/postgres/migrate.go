package postgres

import (
	"context"
	"database/sql"
	"errors"

	pgmigrate "github.com/golang-migrate/migrate/v4/database/postgres"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/migrations"
)

// migrationLock is the key of the advisory lock that a starting replica holds while it looks at the schema.
const migrationLock = 0x506c656e617279 // "Plenary"

// migrate brings the schema to the newest version, on a connection of its own that ends with it, and the lock with the
// connection. The library takes a lock too, but waits for it without regard to ctx and gives up after 15 s,
// leaving a goroutine with the connection; behind our lock it never has to wait.
func migrate(ctx context.Context, cfg pq.Config) (err error) {
	db := sql.OpenDB(migrating(cfg))
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := conn.Close(); !errors.Is(e, sql.ErrConnDone) {
			err = errors.Join(err, e)
		}
	}()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	// From here on others wait for us: a migration that needs a busy table must not make them all wait behind it.
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = '10s'"); err != nil {
		return err
	}
	driver, err := pgmigrate.WithConnection(ctx, conn, &pgmigrate.Config{})
	if err != nil {
		return err
	}
	return migrations.Up(ctx, migrations.Postgres, driver)
}

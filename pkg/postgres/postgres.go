// Package postgres is the engine for PostgreSQL: pools, sessions, the schema, transactions, and
// what its errors mean. It knows no feature: the statements of each are in a package of the
// feature's own.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Config says which database and how much of it to use.
type Config struct {
	URL             string // postgres://user:password@host:port/database?…, as lib/pq takes it
	MaxConns        int    // connections for everything but lists; 0: 10
	ApplicationName string // what pg_stat_activity shows, unless URL says it; empty: "plenary"

	// Pooler says that URL leads to a pooler like PgBouncer in transaction mode. A transaction then
	// may have another session than the one before it, so that no session keeps anything.
	Pooler bool

	// Observe, if not nil, is told of each call its name, its time and its error. The time of a
	// list is 0.
	Observe func(call string, took time.Duration, err error)

	// Wrap, if not nil, gets what opens working sessions and gives what is to open them.
	Wrap func(driver.Connector) driver.Connector
}

// DB is a database that is open. It is safe for use by many goroutines. Any number of processes
// may share a database.
type DB struct {
	calls *sqlx.DB
	// lists serves List, whose readers may be slow: they must not take the connections that
	// counting needs.
	lists   *sqlx.DB
	pooler  bool
	observe func(call string, took time.Duration, err error)
}

const listConns = 4

// Open connects to the database and brings its schema to the newest version; replicas may do so at
// the same time. It does not wait for a database that is away: the error is then of the kind
// Unavailable, and trying again is right. Any other error is one line that says what is wrong with
// the settings or the schema; it never holds the password.
func Open(ctx context.Context, c Config) (*DB, error) {
	cfg, err := c.driverConfig()
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, c.migrating(cfg)); err != nil {
		return nil, translate(err)
	}
	db := c.open(cfg)
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// open makes pools, which connect when they are used.
func (c Config) open(cfg pq.Config) *DB {
	db := &DB{
		calls: pool(c.working(cfg), c.MaxConns), lists: pool(c.working(cfg), listConns),
		pooler: c.Pooler, observe: c.Observe,
	}
	if db.observe == nil {
		db.observe = func(string, time.Duration, error) {}
	}
	return db
}

func pool(c driver.Connector, conns int) *sqlx.DB {
	if conns <= 0 {
		conns = 10
	}
	db := sqlx.NewDb(sql.OpenDB(c), "postgres")
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.measured("ping", func() error {
		_, err := db.calls.ExecContext(ctx, "SELECT 1")
		return err
	})
}

// Close closes the connections. No method may be under way or called after it.
func (db *DB) Close() error {
	return errors.Join(db.calls.Close(), db.lists.Close())
}

// measured runs a call, gives its error the domain's kind, and tells how it went.
func (db *DB) measured(call string, f func() error) error {
	begun := time.Now()
	err := translate(f())
	db.observe(call, time.Since(begun), err)
	return err
}

// listed is measured for a list, whose time says nothing: it is that of its readers.
func (db *DB) listed(call string, f func() error) error {
	err := translate(f())
	db.observe(call, 0, err)
	return err
}

// Queryer reads rows, each statement by itself.
type Queryer interface {
	GetContext(ctx context.Context, into any, query string, args ...any) error
	SelectContext(ctx context.Context, into any, query string, args ...any) error
}

// Read runs f, whose statements read only. Each sees what was committed before it began.
func (db *DB) Read(ctx context.Context, call string, f func(Queryer) error) error {
	return db.measured(call, func() error { return f(db.calls) })
}

// Write runs f in a transaction and commits it. A nil error promises that the commit survives a
// crash. Unavailable means that the outcome is unknown. READ COMMITTED is said because it is
// meant: whoever waited for a lock must then read what its holder committed, which REPEATABLE READ
// would hide.
func (db *DB) Write(ctx context.Context, call string, f func(*sqlx.Tx) error) error {
	return db.measured(call, func() error {
		tx, err := db.calls.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			// the error that matters is f's; a connection that cannot roll back is dropped
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
}

// Exec runs one statement that writes, and gives how many rows it wrote. It promises what Write
// does.
func (db *DB) Exec(ctx context.Context, call, query string, args ...any) (n int, err error) {
	exec := func(e sqlx.ExecerContext) error {
		result, err := e.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	}
	if db.pooler { // what makes a commit last is said within a transaction there
		err = db.Write(ctx, call, func(tx *sqlx.Tx) error { return exec(tx) })
	} else {
		err = db.measured(call, func() error { return exec(db.calls) })
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

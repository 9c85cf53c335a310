// Package sqlite is the engine for an SQLite file: connections, the schema, transactions, and what
// its errors mean. It knows no feature: the statements of each are in a package of the feature's
// own.
package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// Config says where the file is.
type Config struct {
	// of the file, which is made when it is not there; beside it SQLite keeps a -wal and a -shm
	// while it is open
	Path string

	// Observe, if not nil, is told of each call its name, its time and its error. The time of a
	// list is 0.
	Observe func(call string, took time.Duration, err error)

	// Wrap, if not nil, gets what opens connections and gives what is to open them.
	Wrap func(driver.Connector) driver.Connector
}

// DB is a file that is open. It is safe for use by many goroutines. Several processes on one host
// may share a file.
type DB struct {
	// one connection: SQLite has one writer at a time, and waiting in Go obeys the context
	writer  *sqlx.DB
	reader  *sqlx.DB
	lists   *sqlx.DB // for List, whose readers may be slow
	observe func(call string, took time.Duration, err error)
}

const (
	readConns = 4
	listConns = 4
)

// Open opens the file, or makes one that only this user can read, and brings its schema to the
// newest version. Several processes may do so at the same time. If somebody else holds the file
// for too long, the error is of the kind Unavailable. Any other error is one line that says what
// is wrong with the path, the file or the schema.
func Open(ctx context.Context, c Config) (*DB, error) {
	path, err := checkPath(c.Path)
	if err != nil {
		return nil, err
	}
	private(path)
	db := &DB{
		writer: c.pool(path, writing, 1), reader: c.pool(path, reading, readConns),
		lists: c.pool(path, reading, listConns), observe: c.Observe,
	}
	if db.observe == nil {
		db.observe = func(string, time.Duration, error) {}
	}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(openError(path, err), db.Close())
	}
	return db, nil
}

// Ping asks whether the file can be read.
func (db *DB) Ping(ctx context.Context) error {
	return db.Read(ctx, "ping", func(q Queryer) error {
		var one int
		return q.GetContext(ctx, &one, "SELECT count(*) FROM partitions")
	})
}

// Close closes the file. The writer goes last and tidies up: nothing but the file stays. No method
// may be under way or called after it.
func (db *DB) Close() error {
	return errors.Join(db.lists.Close(), db.reader.Close(), db.writer.Close())
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
	QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error)
}

// Read runs f, whose statements read only. Each sees what was committed before it began.
func (db *DB) Read(ctx context.Context, call string, f func(Queryer) error) error {
	return db.measured(call, func() error { return f(db.reader) })
}

// Write runs f in a transaction that excludes every other writer from its beginning (BEGIN
// IMMEDIATE), and commits it. A nil error promises that the commit survives a crash. Unavailable
// means that the outcome is unknown.
func (db *DB) Write(ctx context.Context, call string, f func(*sqlx.Tx) error) error {
	return db.measured(call, func() error {
		tx, err := db.writer.BeginTxx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			_ = tx.Rollback() // the error that matters is f's; a full disk has rolled back already
			return err
		}
		return tx.Commit()
	})
}

// Exec runs one statement that writes, and gives how many rows it wrote. It promises what Write
// does.
func (db *DB) Exec(ctx context.Context, call, query string, args ...any) (n int, err error) {
	err = db.Write(ctx, call, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// yieldError is what a reader of a list said. It is no error of the database.
type yieldError struct{ error }

// List runs f, whose readers may be slow: they take no connection from other calls.
func (db *DB) List(ctx context.Context, call string, f func(Queryer) error) (err error) {
	var said yieldError
	err = db.listed(call, func() error {
		if err := f(db.lists); !errors.As(err, &said) {
			return err
		}
		return nil
	})
	if said.error != nil {
		return said.error
	}
	return err
}

// Each calls yield for each row of a query, within List. The rows are of one moment.
func Each[R any](
	ctx context.Context, q Queryer, yield func(R) error, query string, args ...any,
) error {
	found, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var r R
		if err := found.StructScan(&r); err != nil {
			return err
		}
		if err := yield(r); err != nil {
			return yieldError{err}
		}
		// database/sql notices it in a goroutine of its own, which may come late
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return found.Err()
}

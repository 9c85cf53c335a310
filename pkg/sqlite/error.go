package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/plenary-live/plenary/pkg/fault"
)

// code gives SQLite's primary result code, 0 when err is not SQLite's.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return sqlite3.SQLITE_OK
}

// translate gives a driver's error the domain's kind: the one place where that is decided. The
// domain's own errors and faults stay as they are.
func translate(err error) error {
	if err == nil || fault.CodeOf(err) != (fault.Code{}) {
		return err
	}
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT:
		if taken(err) {
			return &fault.Error{Code: fault.Conflict, Detail: "that is there already", Cause: err}
		}
		return err
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM:
		return fault.Unavailablef(err, "the database is full")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL,
		sqlite3.SQLITE_INTERRUPT:
		return fault.Unavailablef(err, "the database is busy")
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fault.Unavailablef(err, "the database cannot be read or written now")
	}
	for _, e := range []error{context.Canceled, context.DeadlineExceeded, sql.ErrTxDone,
		sql.ErrConnDone} {
		if errors.Is(err, e) {
			return fault.Unavailablef(err, "the database took too long")
		}
	}
	return err
}

// Exactly makes a fault of a statement that wrote fewer or more rows than it was given.
func Exactly(n int, what string, result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if got, err := result.RowsAffected(); err != nil || got != int64(n) {
		return errors.Join(fmt.Errorf("wrote %d %s, not %d", got, what, n), err)
	}
	return nil
}

func taken(err error) bool {
	e, _ := errors.AsType[*sqlite.Error](err)
	return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE ||
		e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

const (
	pageSize         = 1000
	fetchPage        = `FETCH FORWARD 1000 FROM list`
	setReaderTimeout = `SET LOCAL idle_in_transaction_session_timeout = '60s'`
)

// yieldError is what a reader of a list said. It is no error of the database.
type yieldError struct{ error }

// List runs f in a transaction that reads only, and all of it at one moment. A reader that takes
// no page of Each for 60 s loses its transaction, and is told so by Unavailable.
func (db *DB) List(ctx context.Context, call string, f func(*sqlx.Tx) error) (err error) {
	var said yieldError
	err = db.listed(call, func() error {
		atOnce := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
		tx, err := db.lists.BeginTxx(ctx, atOnce)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // it reads only
		_, err = tx.ExecContext(ctx, setReaderTimeout)
		if err != nil {
			return err
		}
		if err = f(tx); errors.As(err, &said) {
			return nil
		}
		return err
	})
	if said.error != nil {
		return said.error
	}
	return err
}

// Each calls yield for each row of a query, within List. A cursor gives the rows in pages. So a
// slow reader does not run into the time-out of a statement, and nothing piles up here.
func Each[R any](
	ctx context.Context, tx *sqlx.Tx, yield func(R) error, query string, args ...any,
) error {
	_, err := tx.ExecContext(ctx, `DECLARE list NO SCROLL CURSOR FOR `+query, args...)
	if err != nil {
		return err
	}
	page := make([]R, 0, pageSize)
	for {
		page = page[:0]
		if err := tx.SelectContext(ctx, &page, fetchPage); err != nil {
			return err
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return yieldError{err}
			}
		}
		if len(page) < pageSize {
			_, err := tx.ExecContext(ctx, `CLOSE list`)
			return err
		}
	}
}

package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

const (
	pageSize      = 1000
	fetchPage     = `FETCH FORWARD 1000 FROM list`
	readerTimeout = "60s"
)

// yieldError is what a reader of a list said. It is no error of the database.
type yieldError struct{ error }

// List runs f in a transaction that reads only, and all of it at one moment. A reader that takes no page of Each for
// 60 s loses its transaction, and is told so by Unavailable. A call's time is its reader's, too.
func (db *DB) List(ctx context.Context, call string, f func(*sqlx.Tx) error) (err error) {
	var said yieldError
	err = db.measured(call, func() error {
		tx, err := db.lists.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // it reads only
		_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = '`+readerTimeout+`'`)
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

// Each calls yield for each row of a query, within List. A cursor gives the rows in pages, so that a slow reader
// neither runs into the time-out of a statement nor makes anything pile up here.
func Each[R any](ctx context.Context, tx *sqlx.Tx, yield func(R) error, query string, args ...any) error {
	if _, err := tx.ExecContext(ctx, `DECLARE list NO SCROLL CURSOR FOR `+query, args...); err != nil {
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

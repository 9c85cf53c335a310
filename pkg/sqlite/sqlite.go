// Package sqlite keeps presentations, votes and tallies in one SQLite file. Several processes on one host may share it.
package sqlite

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Config says where the file is.
type Config struct {
	Path string // of the file, which is made when it is not there; beside it SQLite keeps a -wal and a -shm while it is open
}

// Store implements poll.Store.
type Store struct {
	writer *sqlx.DB // one connection: SQLite has one writer at a time, and waiting in Go obeys the context
	reader *sqlx.DB
	lists  *sqlx.DB // for Votes, whose readers may be slow
}

var _ poll.Store = (*Store)(nil)

const (
	readConns = 4
	listConns = 4
)

// Open opens the file, or makes one that only this user can read, and brings its schema to the newest version; several processes may do so at the
// same time. An error is of the kind Unavailable when somebody else holds the file for too long; any other is one
// line that says what is wrong with the path, the file or the schema.
func Open(ctx context.Context, c Config) (*Store, error) {
	path, err := checkPath(c.Path)
	if err != nil {
		return nil, err
	}
	private(path)
	s := &Store{writer: pool(path, writing, 1), reader: pool(path, reading, readConns), lists: pool(path, reading, listConns)}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(openError(path, err), s.Close())
	}
	return s, nil
}

// Ping asks whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return translate(s.reader.GetContext(ctx, &one, "SELECT count(*) FROM partitions"))
}

// Close closes the file. The writer goes last and tidies up: nothing but the file stays.
func (s *Store) Close() error {
	return errors.Join(s.lists.Close(), s.reader.Close(), s.writer.Close())
}

// write runs f in a transaction that excludes every other writer from its beginning (BEGIN IMMEDIATE), and commits it.
func (s *Store) write(ctx context.Context, f func(*sqlx.Tx) error) error {
	tx, err := s.writer.BeginTxx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the error that matters is f's; a full disk has rolled back already
		return translate(err)
	}
	return translate(tx.Commit())
}

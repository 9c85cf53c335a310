// Package postgres keeps presentations, votes and tallies in PostgreSQL. Any number of processes may share a database.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Config says which database and how much of it to use.
type Config struct {
	URL             string // postgres://user:password@host:port/database?…, as lib/pq takes it
	MaxConns        int    // connections for everything but votes lists; 0: 10
	ApplicationName string // what the database shows in pg_stat_activity, unless URL says it; empty: "plenary"
}

// Store implements poll.Store.
type Store struct {
	db *sqlx.DB
	// lists serves Votes, whose readers may be slow: they must not take the connections that counting needs.
	lists *sqlx.DB
}

const listConns = 4

var _ poll.Store = (*Store)(nil)

// Open connects to the database and brings its schema to the newest version; replicas may do so at the same time. It
// does not wait for a database that is away: the error is then of the kind Unavailable, and trying again is
// right. Any other error is one line that says what is wrong with the settings or the schema; it never holds the
// password.
func Open(ctx context.Context, c Config) (*Store, error) {
	cfg, err := c.driverConfig()
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, cfg); err != nil {
		return nil, translate(err)
	}
	s := &Store{db: pool(working(cfg), max(c.MaxConns, 0)), lists: pool(working(cfg), listConns)}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func pool(c *connector, conns int) *sqlx.DB {
	if conns == 0 {
		conns = 10
	}
	db := sqlx.NewDb(sql.OpenDB(c), "postgres")
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// Ping asks whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "SELECT 1")
	return translate(err)
}

// Close closes the connections.
func (s *Store) Close() error {
	return errors.Join(s.db.Close(), s.lists.Close())
}

// write runs f in a transaction and commits it. READ COMMITTED is said because it is meant: whoever waited for a lock
// must then read what its holder committed, which REPEATABLE READ would hide.
func (s *Store) write(ctx context.Context, f func(*sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return translate(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the error that matters is f's; a connection that cannot roll back is dropped
		return translate(err)
	}
	return translate(tx.Commit())
}

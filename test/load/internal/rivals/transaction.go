package rivals

import (
	"context"
	"database/sql"
	"errors"
)

const upsert = `INSERT INTO votes AS v (poll_id, voter_id, answer) VALUES ($1, $2, $3)
	ON CONFLICT (poll_id, voter_id) DO UPDATE SET answer = excluded.answer`

// perVote serves with a transaction for each vote.
func perVote(ctx context.Context, prepare func(*sql.DB) (func(context.Context, vote) error, error)) error {
	db, err := open()
	if err != nil {
		return err
	}
	take, err := prepare(db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(serve(ctx, take), db.Close())
}

// insert writes the vote and nothing else: one prepared statement, one commit.
func insert(db *sql.DB) (func(context.Context, vote) error, error) {
	return single(db, upsert)
}

// statement does what transaction does in one round trip, so that the tally's row is locked for no longer than a commit takes.
func statement(db *sql.DB) (func(context.Context, vote) error, error) {
	return single(db, `WITH v AS (`+upsert+` RETURNING poll_id, answer)
		INSERT INTO tallies AS t (poll_id, answer, count) SELECT poll_id, answer, 1 FROM v
		ON CONFLICT (poll_id, answer) DO UPDATE SET count = t.count + 1`)
}

// single executes one prepared statement per vote.
func single(db *sql.DB, query string) (func(context.Context, vote) error, error) {
	prepared, err := db.Prepare(query) //nolint:sqlclosecheck // it lives as long as the process
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, v vote) error {
		_, err := prepared.ExecContext(ctx, v.PollID, v.ClientID, v.Key)
		return err
	}, nil
}

// transaction writes the vote and moves the tally, so that results need not count rows. (A voter's second vote, which
// would have to take the first one's count back, is left out: the load has none.) The tally's row is locked last, so
// that it is held as short as can be; still until the commit is on the disk, and so votes follow each other.
func transaction(db *sql.DB) (func(context.Context, vote) error, error) {
	inserted, err := db.Prepare(upsert)
	if err != nil {
		return nil, err
	}
	moved, err := db.Prepare(`INSERT INTO tallies AS t (poll_id, answer, count) VALUES ($1, $2, 1)
		ON CONFLICT (poll_id, answer) DO UPDATE SET count = t.count + 1`)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, v vote) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		//nolint:sqlclosecheck // the transaction closes its statements
		if _, err := tx.StmtContext(ctx, inserted).ExecContext(ctx, v.PollID, v.ClientID, v.Key); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		//nolint:sqlclosecheck // the transaction closes its statements
		if _, err := tx.StmtContext(ctx, moved).ExecContext(ctx, v.PollID, v.Key); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}, nil
}

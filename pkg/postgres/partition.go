package postgres

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Partitions implements poll.Store.
func (s *Store) Partitions(ctx context.Context, n int) error {
	if n < 1 {
		return fault.Field("partitions", "must be 1 or more")
	}
	return s.write(ctx, func(tx *sqlx.Tx) error {
		// Two first calls at once: one waits here and then reads what the other wrote. Counting is not held up.
		if _, err := tx.ExecContext(ctx, `LOCK TABLE partitions IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var found int
		if err := tx.GetContext(ctx, &found, `SELECT count(*) FROM partitions`); err != nil {
			return err
		}
		switch found {
		case n:
			return nil
		case 0:
			_, err := tx.ExecContext(ctx, `INSERT INTO partitions SELECT generate_series(0, $1::integer - 1)`, n)
			return err
		}
		return fault.Errorf(fault.Conflict, "the store was set up for %d partitions, not %d", found, n)
	})
}

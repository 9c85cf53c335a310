package sqlite

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
		var found int
		if err := tx.GetContext(ctx, &found, `SELECT count(*) FROM partitions`); err != nil {
			return err
		}
		switch found {
		case n:
			return nil
		case 0:
			_, err := tx.ExecContext(ctx, `
				WITH RECURSIVE ids (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM ids WHERE id + 1 < ?)
				INSERT INTO partitions SELECT id FROM ids`, n)
			return err
		}
		return fault.Errorf(fault.Conflict, "the store was set up for %d partitions, not %d", found, n)
	})
}

package sqlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// Once applies entries of partitions of a stream, in one transaction, which keeps every other
// writer out. It records the entries' ids and calls f with those that are new. An entry that comes
// again has no effect again, until Forget has dropped its id.
func (db *DB) Once(
	ctx context.Context, call, _ string, partitions []int, ids []uuid.UUID,
	f func(*sqlx.Tx, map[uuid.UUID]bool) error,
) error {
	arg, err := Rows(len(ids), func(i int) []any { return []any{Hex(ids[i])} })
	if err != nil {
		return err
	}
	return db.Write(ctx, call, func(tx *sqlx.Tx) error {
		var fresh []uuid.UUID
		err := tx.SelectContext(ctx, &fresh, `
			INSERT INTO batches (id, partition)
			SELECT unhex(value->>0), ? FROM json_each(?) WHERE true
			ON CONFLICT DO NOTHING RETURNING id`, partitions[0], arg)
		if err != nil {
			return err
		}
		isNew := make(map[uuid.UUID]bool, len(fresh))
		for _, id := range fresh {
			isNew[id] = true
		}
		return f(tx, isNew)
	})
}

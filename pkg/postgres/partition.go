package postgres

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Partitions writes the number of partitions at the first call; later it gives Conflict, with both numbers in the
// detail, when n is another one. Invalid: n is less than 1.
func (db *DB) Partitions(ctx context.Context, n int) error {
	if n < 1 {
		return fault.Field("partitions", "must be 1 or more")
	}
	return db.Write(ctx, "partitions", func(tx *sqlx.Tx) error {
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

// Forget drops the ids of entries that were applied more than age ago by the database's clock. It
// drops at most limit of them and gives how many. Such an entry would have its effect again if it
// came again: age must be far longer than anybody can hold one.
func (db *DB) Forget(ctx context.Context, age time.Duration, limit int) (int, error) {
	return db.Exec(ctx, "forget", `
		DELETE FROM batches WHERE id = ANY(ARRAY(
			SELECT id FROM batches WHERE recorded_at < now() - make_interval(secs => $1) LIMIT $2))`, age.Seconds(), limit)
}

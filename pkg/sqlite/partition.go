package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Partitions writes the number of partitions at the first call; later it gives Conflict, with both
// numbers in the detail, when n is another one. Invalid: n is less than 1.
func (db *DB) Partitions(ctx context.Context, n int) error {
	if n < 1 {
		return fault.Field("partitions", "must be 1 or more")
	}
	return db.Write(ctx, "partitions", func(tx *sqlx.Tx) error {
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

// Forget drops the ids of entries that were applied more than age ago by the database's clock. It
// drops at most limit of them and gives how many. Such an entry would have its effect again if it
// came again: age must be far longer than anybody can hold one.
func (db *DB) Forget(ctx context.Context, age time.Duration, limit int) (n int, err error) {
	err = db.Write(ctx, "forget", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
			DELETE FROM batches WHERE id IN (
				SELECT id FROM batches
				WHERE recorded_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) LIMIT ?)`,
			Ago(age), limit)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Ago is a modifier of SQLite's times.
func Ago(age time.Duration) string { return fmt.Sprintf("%+.3f seconds", -age.Seconds()) }

package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Partitions sees to it that there are n partitions at least. The first call writes those from 0
// to n - 1, which are the original ones. A later call with a higher n adds what is missing. Another
// one changes nothing. Invalid: n is less than 1.
func (db *DB) Partitions(ctx context.Context, n int) error {
	if n < 1 {
		return fault.Field("partitions", "must be 1 or more")
	}
	return db.Write(ctx, "partitions", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `
			WITH RECURSIVE ids (id, original) AS (
				SELECT count(*), count(*) = 0 FROM partitions
				UNION ALL SELECT id + 1, original FROM ids WHERE id + 1 < ?1)
			INSERT INTO partitions (id, original) SELECT id, original FROM ids WHERE id < ?1`, n)
		return err
	})
}

// CountPartitions gives how many partitions there are: 0 before the first call of Partitions.
func (db *DB) CountPartitions(ctx context.Context) (n int, err error) {
	err = db.Read(ctx, "partitions", func(q Queryer) error {
		return q.GetContext(ctx, &n, `SELECT coalesce(max(id) + 1, 0) FROM partitions`)
	})
	return n, err
}

// OriginalPartitions gives how many partitions the first call of Partitions wrote: 0 before it.
func (db *DB) OriginalPartitions(ctx context.Context) (n int, err error) {
	err = db.Read(ctx, "partitions", func(q Queryer) error {
		return q.GetContext(ctx, &n,
			`SELECT coalesce(max(id) + 1, 0) FROM partitions WHERE original`)
	})
	return n, err
}

// Forget drops the ids of entries that were applied more than age ago by the database's clock. It
// drops at most limit of them and gives how many. Such an entry would have its effect again if it
// came again: age must be far longer than anybody can hold one.
func (db *DB) Forget(ctx context.Context, age time.Duration, limit int) (int, error) {
	return db.Exec(ctx, "forget", `
		DELETE FROM batches WHERE id IN (
			SELECT id FROM batches
			WHERE recorded_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) LIMIT ?)`,
		Ago(age), limit)
}

// Ago is a modifier of SQLite's times.
func Ago(age time.Duration) string { return fmt.Sprintf("%+.3f seconds", -age.Seconds()) }

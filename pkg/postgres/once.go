package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// Once applies entries of partitions of a stream, in one transaction. It locks the partitions in
// order, so that of two calls for one the second waits for the first. It records the entries' ids
// and calls f with those that are new. An entry that comes again has no effect again, until Forget
// has dropped its id.
//
// The stream "votes" is refused, as a fault of the program. Votes are counted under locks of the
// table partitions, by processes of older versions too. Once locks stream_partitions, so it would
// keep no count out.
func (db *DB) Once(
	ctx context.Context, call, stream string, partitions []int, ids []uuid.UUID,
	f func(*sqlx.Tx, map[uuid.UUID]bool) error,
) error {
	if stream == "votes" {
		return errors.New("votes are counted under locks of their own, not by Once")
	}
	return db.Write(ctx, call, func(tx *sqlx.Tx) error {
		var fresh UUIDs
		err := tx.GetContext(ctx, &fresh, `SELECT fresh FROM entries_claim_1($1, $2, $3)`, stream,
			Int64Array(len(partitions), func(i int) int64 { return int64(partitions[i]) }),
			UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] }))
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

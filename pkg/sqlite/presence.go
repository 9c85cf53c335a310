package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// Present implements poll.Store.
func (s *Store) Present(ctx context.Context, replica uuid.UUID, viewers map[uuid.UUID]int, age time.Duration) error {
	ids := slices.Collect(maps.Keys(viewers))
	arg, err := rows(len(ids), func(i int) []any { return []any{hexOf(ids[i]), viewers[ids[i]]} })
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM presence WHERE said_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)`, ago(age))
		if err != nil || len(ids) == 0 {
			return err
		}
		// WHERE true tells ON CONFLICT from a join's ON.
		_, err = tx.ExecContext(ctx, `
			INSERT INTO presence (presentation_id, replica, viewers)
			SELECT unhex(value->>0), ?, value->>1 FROM json_each(?) WHERE true
			ON CONFLICT DO UPDATE SET viewers = excluded.viewers, said_at = excluded.said_at`, replica[:], arg)
		return err
	})
}

// Connected implements poll.Store.
func (s *Store) Connected(ctx context.Context, presentations []uuid.UUID, age time.Duration) (map[uuid.UUID]int, error) {
	arg, err := rows(len(presentations), func(i int) []any { return []any{hexOf(presentations[i])} })
	if err != nil {
		return nil, err
	}
	var found []struct {
		ID      uuid.UUID `db:"presentation_id"`
		Viewers int       `db:"viewers"`
	}
	err = s.reader.SelectContext(ctx, &found, `
		SELECT presentation_id, sum(viewers) AS viewers FROM presence
		WHERE presentation_id IN (SELECT unhex(value->>0) FROM json_each(?)) AND said_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)
		GROUP BY presentation_id`, arg, ago(age))
	if err != nil {
		return nil, translate(err)
	}
	connected := make(map[uuid.UUID]int, len(found))
	for _, f := range found {
		connected[f.ID] = f.Viewers
	}
	return connected, nil
}

// ago is a modifier of SQLite's times.
func ago(age time.Duration) string { return fmt.Sprintf("%+.3f seconds", -age.Seconds()) }

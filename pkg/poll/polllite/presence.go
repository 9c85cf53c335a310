package polllite

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Present implements poll.Store.
func (s *Store) Present(ctx context.Context, replica uuid.UUID, said map[uuid.UUID]poll.Presence,
	age time.Duration) error {
	ids := slices.Collect(maps.Keys(said))
	arg, err := sqlite.Rows(len(ids), func(i int) []any {
		room := said[ids[i]]
		return []any{sqlite.Hex(ids[i]), room.Viewers, room.Most, room.MostBy}
	})
	if err != nil {
		return err
	}
	return s.db.Write(ctx, "present", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx,
			`DELETE FROM presence WHERE said_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)`,
			sqlite.Ago(age))
		if err != nil || len(ids) == 0 {
			return err
		}
		// WHERE true tells ON CONFLICT from a join's ON.
		_, err = tx.ExecContext(ctx, `
			INSERT INTO presence (presentation_id, replica, viewers, most, most_by)
			SELECT unhex(value->>0), ?, value->>1, value->>2, value->>3 FROM json_each(?) WHERE true
			ON CONFLICT DO UPDATE
			SET viewers = excluded.viewers, most = excluded.most, most_by = excluded.most_by, said_at = excluded.said_at`, replica[:], arg)
		return err
	})
}

// Audiences implements poll.Store.
func (s *Store) Audiences(ctx context.Context, presentations []uuid.UUID,
	age time.Duration) (map[uuid.UUID]poll.Audience, error) {
	arg, err := sqlite.Rows(len(presentations),
		func(i int) []any { return []any{sqlite.Hex(presentations[i])} })
	if err != nil {
		return nil, err
	}
	var found []struct {
		ID      uuid.UUID `db:"id"`
		Viewers int       `db:"viewers"`
		Given   int64     `db:"given"`
		Most    int       `db:"most"`
	}
	err = s.db.Read(ctx, "audiences", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &found, `
			WITH asked AS (SELECT unhex(value->>0) AS id FROM json_each(?1))
			SELECT id, coalesce((SELECT given FROM passes WHERE presentation_id = id), 0) AS given,
				coalesce((SELECT sum(viewers) FROM presence
					WHERE presentation_id = id AND said_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)), 0) AS viewers,
				coalesce((SELECT sum(most) AS of_one FROM presence
					WHERE presentation_id = id AND said_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now',
						?2)
					GROUP BY most_by ORDER BY of_one DESC LIMIT 1), 0) AS most
			FROM asked`, arg, sqlite.Ago(age))
	})
	if err != nil {
		return nil, err
	}
	audiences := make(map[uuid.UUID]poll.Audience, len(found))
	for _, f := range found {
		audiences[f.ID] = poll.Audience{Viewers: f.Viewers, Given: f.Given, Most: f.Most}
	}
	return audiences, nil
}

package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Present implements poll.Store. What another replica is writing at this moment it does not wait for: then it is not old.
func (s *Store) Present(ctx context.Context, replica uuid.UUID, viewers map[uuid.UUID]int, age time.Duration) error {
	_, err := s.db.ExecContext(ctx, `
		DELETE FROM presence WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM presence WHERE said_at < now() - make_interval(secs => $1) FOR UPDATE SKIP LOCKED))`, age.Seconds())
	if err != nil || len(viewers) == 0 {
		return translate(err)
	}
	ids := slices.Collect(maps.Keys(viewers))
	_, err = s.db.ExecContext(ctx, `
		INSERT INTO presence (presentation_id, replica, viewers)
		SELECT id, $1, viewers FROM unnest($2::uuid[], $3::bigint[]) AS u (id, viewers)
		ON CONFLICT (presentation_id, replica) DO UPDATE SET viewers = excluded.viewers, said_at = excluded.said_at`,
		replica,
		uuidArray(len(ids), func(i int) uuid.UUID { return ids[i] }),
		int64Array(len(ids), func(i int) int64 { return int64(viewers[ids[i]]) }))
	return translate(err)
}

// Connected implements poll.Store.
func (s *Store) Connected(ctx context.Context, presentations []uuid.UUID, age time.Duration) (map[uuid.UUID]int, error) {
	var rows []struct {
		ID      uuid.UUID `db:"presentation_id"`
		Viewers int       `db:"viewers"`
	}
	err := s.db.SelectContext(ctx, &rows, `
		SELECT presentation_id, sum(viewers) AS viewers FROM presence
		WHERE presentation_id = ANY($1::uuid[]) AND said_at >= now() - make_interval(secs => $2)
		GROUP BY presentation_id`,
		uuidArray(len(presentations), func(i int) uuid.UUID { return presentations[i] }), age.Seconds())
	if err != nil {
		return nil, translate(err)
	}
	connected := make(map[uuid.UUID]int, len(rows))
	for _, r := range rows {
		connected[r.ID] = r.Viewers
	}
	return connected, nil
}

package pollpg

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Present implements poll.Store. What another replica is writing at this moment it does not wait
// for: then it is not old.
func (s *Store) Present(ctx context.Context, replica uuid.UUID, rooms map[uuid.UUID]poll.Presence,
	age time.Duration) error {
	_, err := s.db.Exec(ctx, "forget_presence", `
		DELETE FROM presence WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM presence WHERE said_at < now() - make_interval(secs => $1) FOR UPDATE SKIP LOCKED))`, age.Seconds())
	if err != nil || len(rooms) == 0 {
		return err
	}
	ids := slices.Collect(maps.Keys(rooms))
	_, err = s.db.Exec(ctx, "present", `
		INSERT INTO presence (presentation_id, replica, viewers, most, most_by)
		SELECT id, $1, viewers, most, most_by
		FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (id, viewers, most, most_by)
		ON CONFLICT (presentation_id, replica) DO UPDATE
		SET viewers = excluded.viewers, most = excluded.most, most_by = excluded.most_by, said_at = excluded.said_at`,
		replica,
		postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] }),
		postgres.Int64Array(len(ids), func(i int) int64 { return int64(rooms[ids[i]].Viewers) }),
		postgres.Int64Array(len(ids), func(i int) int64 { return int64(rooms[ids[i]].Most) }),
		postgres.Int64Array(len(ids), func(i int) int64 { return rooms[ids[i]].MostBy }))
	return err
}

// Audiences implements poll.Store.
func (s *Store) Audiences(ctx context.Context, presentations []uuid.UUID,
	age time.Duration) (map[uuid.UUID]poll.Audience, error) {
	var rows []struct {
		ID      uuid.UUID `db:"id"`
		Viewers int       `db:"viewers"`
		Given   int64     `db:"given"`
		Most    int       `db:"most"`
	}
	err := s.db.Read(ctx, "audiences", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			WITH said AS (
				SELECT presentation_id, most_by, sum(viewers) AS viewers, sum(most) AS most FROM presence
				WHERE presentation_id = ANY($1::uuid[]) AND said_at >= now() - make_interval(
					secs => $2)
				GROUP BY presentation_id, most_by)
			SELECT asked.id, coalesce(sum(said.viewers), 0) AS viewers, coalesce(max(said.most),
				0) AS most,
				coalesce(max(g.given), 0) AS given
			FROM unnest($1::uuid[]) AS asked (id)
			LEFT JOIN said ON said.presentation_id = asked.id LEFT JOIN passes g ON g.presentation_id = asked.id
			GROUP BY asked.id`,
			postgres.UUIDArray(len(presentations),
				func(i int) uuid.UUID { return presentations[i] }), age.Seconds())
	})
	if err != nil {
		return nil, err
	}
	audiences := make(map[uuid.UUID]poll.Audience, len(rows))
	for _, r := range rows {
		audiences[r.ID] = poll.Audience{Viewers: r.Viewers, Given: r.Given, Most: r.Most}
	}
	return audiences, nil
}

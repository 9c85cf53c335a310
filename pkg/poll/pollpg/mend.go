package pollpg

import (
	"context"
	"database/sql"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// insertMends adds to the history of a presentation, which is locked.
func insertMends(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	mends []poll.Mend) error {
	n := len(mends)
	if n == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO mends (presentation_id, number, poll_id, revision, field, before, after)
		SELECT $1, u.place + coalesce((SELECT max(number) FROM mends WHERE presentation_id = $1), 0),
			u.poll_id, u.revision, u.field, u.before, u.after
		FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[])
			WITH ORDINALITY AS u (poll_id, revision, field, before, after, place)`,
		presentationID,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return mends[i].PollID }),
		postgres.Int64Array(n, func(i int) int64 { return mends[i].Revision }),
		postgres.TextArray(n, func(i int) string { return mends[i].Field }),
		postgres.TextArray(n, func(i int) string { return mends[i].Before }),
		postgres.TextArray(n, func(i int) string { return mends[i].After }))
	return err
}

// History implements poll.Store.
func (s *Store) History(ctx context.Context, id uuid.UUID, after int64,
	limit int) ([]poll.Mend, error) {
	var rows []struct {
		// null where there is none: the presentation is all there is
		Number   sql.NullInt64  `db:"number"`
		PollID   uuid.NullUUID  `db:"poll_id"`
		At       sql.NullTime   `db:"mended_at"`
		Revision sql.NullInt64  `db:"revision"`
		Field    sql.NullString `db:"field"`
		Before   sql.NullString `db:"before"`
		After    sql.NullString `db:"after"`
	}
	err := s.db.Read(ctx, "history", func(q postgres.Queryer) error {
		err := q.SelectContext(ctx, &rows, `
			SELECT m.number, m.poll_id, m.mended_at, m.revision, m.field, m.before, m.after
			FROM presentations p LEFT JOIN mends m ON m.presentation_id = p.id AND m.number > $2
			WHERE p.id = $1 ORDER BY m.number LIMIT $3`, id, after, limit)
		if err == nil && len(rows) == 0 {
			err = sql.ErrNoRows
		}
		return noPresentation(err)
	})
	if err != nil {
		return nil, err
	}
	mends := []poll.Mend{}
	for _, r := range rows {
		if r.Number.Valid {
			mends = append(mends, poll.Mend{
				Number: r.Number.Int64, PollID: r.PollID.UUID, At: r.At.Time.UTC(),
				Revision: r.Revision.Int64,
				Field:    r.Field.String, Before: r.Before.String, After: r.After.String,
			})
		}
	}
	return mends, nil
}

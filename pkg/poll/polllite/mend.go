package polllite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// insertMends adds to the history of a presentation.
func insertMends(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	mends []poll.Mend) error {
	if len(mends) == 0 {
		return nil
	}
	arg, err := sqlite.Rows(len(mends), func(i int) []any {
		m := &mends[i]
		return []any{sqlite.Hex(m.PollID), m.Revision, m.Field, m.Before, m.After}
	})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO mends (presentation_id, number, poll_id, mended_at, revision, field, before, after)
		SELECT ?1, key + 1 + coalesce((SELECT max(number) FROM mends WHERE presentation_id = ?1), 0),
			unhex(value->>0), `+now+`, value->>1, value->>2, value->>3, value->>4
		FROM json_each(?2)`, presentationID[:], arg)
	return err
}

// History implements poll.Store.
func (s *Store) History(ctx context.Context, id uuid.UUID, after int64,
	limit int) ([]poll.Mend, error) {
	var rows []struct {
		// null where there is none: the presentation is all there is
		Number   sql.NullInt64  `db:"number"`
		PollID   uuid.NullUUID  `db:"poll_id"`
		At       sql.NullString `db:"mended_at"`
		Revision sql.NullInt64  `db:"revision"`
		Field    sql.NullString `db:"field"`
		Before   sql.NullString `db:"before"`
		After    sql.NullString `db:"after"`
	}
	err := s.db.Read(ctx, "history", func(q sqlite.Queryer) error {
		err := q.SelectContext(ctx, &rows, `
			SELECT m.number, m.poll_id, m.mended_at, m.revision, m.field, m.before, m.after
			FROM presentations p LEFT JOIN mends m ON m.presentation_id = p.id AND m.number > ?2
			WHERE p.id = ?1 ORDER BY m.number LIMIT ?3`, id[:], after, limit)
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
		if !r.Number.Valid {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, r.At.String)
		if err != nil {
			return nil, err
		}
		mends = append(mends, poll.Mend{
			Number: r.Number.Int64, PollID: r.PollID.UUID, At: at, Revision: r.Revision.Int64,
			Field: r.Field.String, Before: r.Before.String, After: r.After.String,
		})
	}
	return mends, nil
}

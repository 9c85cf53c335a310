package talkpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/talk"
)

type commentRow struct {
	ID     uuid.UUID `db:"comment_id"`
	Text   string    `db:"comment"`
	Hidden bool      `db:"hidden"`
	Value  int       `db:"value"`
}

// Comments implements talk.Store.
func (s *Store) Comments(
	ctx context.Context, id, before uuid.UUID, limit int,
) ([]talk.Comment, error) {
	older, args := "", []any{id, limit}
	if before != uuid.Nil {
		older, args = `AND comment_id < $3`, append(args, before)
	}
	var rows []commentRow
	err := s.db.Read(ctx, "comments", func(q postgres.Queryer) error {
		var found bool
		err := q.GetContext(ctx, &found, `SELECT true FROM talks WHERE id = $1`, id)
		if err != nil {
			return noTalk(err)
		}
		return q.SelectContext(ctx, &rows, `
			SELECT comment_id, comment, hidden, value FROM ratings
			WHERE talk_id = $1 AND comment_id IS NOT NULL `+older+`
			ORDER BY comment_id DESC LIMIT $2`, args...)
	})
	comments := make([]talk.Comment, len(rows))
	for i, r := range rows {
		comments[i] = talk.Comment(r)
	}
	return comments, err
}

// Hide implements talk.Store.
func (s *Store) Hide(
	ctx context.Context, id, commentID uuid.UUID, hidden bool,
) (c talk.Comment, revision int64, err error) {
	err = s.db.Write(ctx, "hide_comment", func(tx *sqlx.Tx) error {
		t, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		revision = t.Revision
		var row commentRow
		err = tx.GetContext(ctx, &row, `SELECT comment_id, comment, hidden, value FROM ratings
			WHERE talk_id = $1 AND comment_id = $2`, id, commentID)
		if postgres.Missing(err) {
			return fault.Errorf(fault.NotFound, "the talk has no such comment")
		}
		c = talk.Comment(row)
		if err != nil || c.Hidden == hidden {
			return err
		}
		c.Hidden = hidden
		_, err = tx.ExecContext(ctx, `UPDATE ratings SET hidden = $3
			WHERE talk_id = $1 AND comment_id = $2`, id, commentID, hidden)
		if err != nil {
			return err
		}
		revision++
		_, err = tx.ExecContext(ctx, `UPDATE talks SET revision = $2 WHERE id = $1`, id, revision)
		return err
	})
	if err != nil {
		return talk.Comment{}, 0, err
	}
	return c, revision, nil
}

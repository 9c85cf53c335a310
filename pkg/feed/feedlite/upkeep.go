package feedlite

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Prepare implements feed.Store. A file has one place for all answers.
func (s *Store) Prepare(ctx context.Context, _ feed.Month) error {
	return s.db.Read(ctx, "prepare_month", func(q sqlite.Queryer) error {
		var kept uuid.UUID
		return q.GetContext(ctx, &kept, `SELECT from_id FROM feed_kept`)
	})
}

// KeepFrom implements feed.Store.
func (s *Store) KeepFrom(ctx context.Context, m feed.Month) error {
	from := m.First()
	return s.db.Write(ctx, "keep_from", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx,
			`UPDATE feed_kept SET from_id = ?1 WHERE from_id < ?1`, from[:])
		return err
	})
}

// Erase implements feed.Store.
func (s *Store) Erase(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.db.Write(ctx, "erase_feed", func(tx *sqlx.Tx) error {
		for _, kind := range []struct {
			query string
			args  []any
		}{
			{`DELETE FROM feed_tags WHERE (tag, poll_id) IN (
				SELECT tag, poll_id FROM feed_tags
				WHERE until <= ?1 AND until < 9223372036854775807 LIMIT ?2)`,
				[]any{now.UnixMilli(), limit}},
			{`DELETE FROM feed_tags WHERE (tag, poll_id) IN (
				SELECT u.value, p.id FROM (
					SELECT poll_id FROM feed_tags WHERE tag = ''
						AND poll_id < (SELECT from_id FROM feed_kept)
					ORDER BY poll_id LIMIT ?1) t
				CROSS JOIN feed_polls p ON p.id = t.poll_id
				CROSS JOIN json_each(json_insert(p.tags, '$[#]', '')) u)`, []any{limit}},
			{`DELETE FROM feed_answers WHERE (account_id, poll_id) IN (
				SELECT account_id, poll_id FROM feed_answers
				WHERE poll_id < (SELECT from_id FROM feed_kept) LIMIT ?1)`, []any{limit}},
			{`DELETE FROM feed_answers WHERE (account_id, poll_id) IN (
				SELECT a.account_id, a.poll_id FROM feed_gone g
				CROSS JOIN feed_answers a ON a.poll_id = g.poll_id LIMIT ?1)`, []any{limit}},
			{`DELETE FROM feed_gone WHERE poll_id IN (
				SELECT poll_id FROM feed_gone g WHERE NOT EXISTS (
					SELECT 1 FROM feed_answers a WHERE a.poll_id = g.poll_id) LIMIT ?1)`,
				[]any{limit}},
		} {
			result, err := tx.ExecContext(ctx, kind.query, kind.args...)
			if err != nil {
				return err
			}
			deleted, err := result.RowsAffected()
			if err != nil {
				return err
			}
			n += int(deleted)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

package feedpg

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
)

// Prepare implements feed.Store.
func (s *Store) Prepare(ctx context.Context, m feed.Month) error {
	return s.call(ctx, "prepare_month", `SELECT made FROM feeds_month_1($1)`, m.First())
}

// KeepFrom implements feed.Store. Polls are closed first: what cannot be dropped now is dropped
// later.
func (s *Store) KeepFrom(ctx context.Context, m feed.Month) error {
	err := s.call(ctx, "keep_from", `SELECT moved FROM feeds_keep_1($1)`, m.First())
	if err != nil {
		return err
	}
	return s.call(ctx, "drop_months", `SELECT dropped FROM feeds_drop_1()`)
}

func (s *Store) call(ctx context.Context, call, query string, args ...any) error {
	return s.db.Write(ctx, call, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// Erase implements feed.Store.
func (s *Store) Erase(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for _, kind := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM feed_tags WHERE (tag, poll_id) IN (
			SELECT tag, poll_id FROM feed_tags
			WHERE until <= $1 AND until < 9223372036854775807 LIMIT $2)`,
			[]any{now.UnixMilli(), limit}},
		{`DELETE FROM feed_tags WHERE (tag, poll_id) IN (
			SELECT unnest(array_append(p.tags, '')), p.id FROM feed_polls p
			WHERE p.id IN (
				SELECT poll_id FROM feed_tags WHERE tag = ''
					AND poll_id < (SELECT from_id FROM feed_kept)
				ORDER BY poll_id LIMIT $1))`,
			[]any{limit}},
		{`DELETE FROM feed_answers WHERE (account_id, poll_id) IN (
			SELECT account_id, poll_id FROM feed_answers
			WHERE poll_id < (SELECT from_id FROM feed_kept) LIMIT $1)`, []any{limit}},
		{`DELETE FROM feed_answers WHERE (account_id, poll_id) IN (
			SELECT a.account_id, a.poll_id FROM feed_gone g JOIN feed_answers a USING (poll_id)
			LIMIT $1)`, []any{limit}},
		{`DELETE FROM feed_gone WHERE poll_id IN (
			SELECT poll_id FROM feed_gone g
			WHERE NOT EXISTS (SELECT FROM feed_answers a WHERE a.poll_id = g.poll_id) LIMIT $1)`,
			[]any{limit}},
	} {
		deleted, err := s.db.Exec(ctx, "erase_feed", kind.query, kind.args...)
		if err != nil {
			return n, err
		}
		n += deleted
	}
	return n, nil
}

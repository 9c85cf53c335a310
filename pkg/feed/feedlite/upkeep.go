package feedlite

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// tallied gives the votes and skips of polls by their answers, of a table p of polls.
const tallied = `
	(SELECT json_group_array(n) FROM (
		SELECT (SELECT count(*) FROM feed_answers a WHERE a.poll_id = p.id AND a.option = o.key) AS n
		FROM json_each(p.votes) o ORDER BY o.key)) AS counted,
	(SELECT count(*) FROM feed_answers a WHERE a.poll_id = p.id AND a.option = -1) AS skipped`

type talliedRow struct {
	ID      uuid.UUID          `db:"id"`
	Votes   sqlite.List[int64] `db:"votes"`
	Skips   int64              `db:"skips"`
	Counted sqlite.List[int64] `db:"counted"`
	Skipped int64              `db:"skipped"`
}

func (r *talliedRow) tally() feed.Tally { return feed.Tally{Votes: r.Votes, Skips: r.Skips} }
func (r *talliedRow) rows() feed.Tally  { return feed.Tally{Votes: r.Counted, Skips: r.Skipped} }

// Differing implements feed.Store. One statement sees the tallies and the answers of one moment.
func (s *Store) Differing(
	ctx context.Context, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []talliedRow
	err = s.db.Read(ctx, "differing_polls", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT p.id, p.votes, p.skips, `+tallied+` FROM feed_polls p
			WHERE p.id > ?1 AND p.id >= (SELECT from_id FROM feed_kept)
			ORDER BY p.id LIMIT ?2`, after[:], limit)
	})
	for i := range rows {
		r := &rows[i]
		if last = r.ID; !r.tally().Equal(r.rows()) {
			differing = append(differing, r.ID)
		}
	}
	return len(rows), last, differing, err
}

// Recount implements feed.Store.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (tally, answers feed.Tally, err error) {
	err = s.db.Write(ctx, "recount_poll", func(tx *sqlx.Tx) error {
		p, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		var row talliedRow
		err = tx.GetContext(ctx, &row,
			`SELECT p.id, p.votes, p.skips, `+tallied+` FROM feed_polls p WHERE p.id = ?1`, id[:])
		tally, answers = row.tally(), row.rows()
		if err != nil || tally.Equal(answers) || !repair {
			return err
		}
		return write(ctx, tx, id, answers, p.Revision+1)
	})
	return tally, answers, err
}

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

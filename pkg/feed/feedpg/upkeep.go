package feedpg

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// tallied gives the votes and skips of polls by their answers, of a table p of polls. The answers
// are found by the index of polls, not by a join that would read all of them.
const tallied = `
	CROSS JOIN LATERAL (
		SELECT ARRAY(
				SELECT count(a.option) FROM generate_series(0, cardinality(p.votes) - 1) AS o (option)
				LEFT JOIN (SELECT option FROM feed_answers WHERE poll_id = p.id OFFSET 0) a
					ON a.option = o.option
				GROUP BY o.option ORDER BY o.option) AS votes,
			(SELECT count(*) FROM feed_answers WHERE poll_id = p.id AND option = -1) AS skips) c`

// Differing implements feed.Store. One statement sees the tallies and the answers of one moment.
func (s *Store) Differing(
	ctx context.Context, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []struct {
		ID      uuid.UUID `db:"id"`
		Differs bool      `db:"differs"`
	}
	err = s.db.Read(ctx, "differing_polls", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT p.id, p.votes <> c.votes OR p.skips <> c.skips AS differs FROM (
				SELECT id, votes, skips FROM feed_polls
				WHERE id > $1 AND id >= (SELECT from_id FROM feed_kept) ORDER BY id LIMIT $2) p
			`+tallied+` ORDER BY p.id`, after, limit)
	})
	for _, r := range rows {
		if last = r.ID; r.Differs {
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
		p, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		var row struct {
			Votes postgres.Int64s `db:"votes"`
			Skips int64           `db:"skips"`
		}
		err = tx.GetContext(ctx, &row, `SELECT c.votes, c.skips FROM feed_polls p `+tallied+`
			WHERE p.id = $1`, id)
		tally, answers = p.Tally, feed.Tally{Votes: row.Votes, Skips: row.Skips}
		if err != nil || tally.Equal(answers) || !repair {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE feed_polls
			SET votes = $2::bigint[], skips = $3, revision = revision + 1 WHERE id = $1`, id,
			postgres.Int64Array(len(row.Votes), func(i int) int64 { return row.Votes[i] }),
			row.Skips)
		return err
	})
	return tally, answers, err
}

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

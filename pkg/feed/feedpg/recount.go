package feedpg

import (
	"context"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// tallied gives the votes, skips and hours of polls by their answers, of a table p of polls. The
// answers are found by the index of polls, not by a join that would read all of them.
const tallied = `
	CROSS JOIN LATERAL (
		WITH a AS MATERIALIZED (SELECT option, at FROM feed_answers WHERE poll_id = p.id)
		SELECT ARRAY(
				SELECT count(a.option)
				FROM generate_series(0, cardinality(p.votes) - 1) AS o (option)
				LEFT JOIN a ON a.option = o.option
				GROUP BY o.option ORDER BY o.option) AS votes,
			(SELECT count(*) FROM a WHERE option = -1) AS skips,
			(SELECT array_agg(ARRAY[h.at, h.votes] ORDER BY h.at) FROM (
				SELECT at - at % 3600000 AS at, count(*) AS votes FROM a
				WHERE option >= 0 GROUP BY 1) h) AS hours) c`

// Differing implements feed.Store. One statement sees the numbers and the answers of one moment.
func (s *Store) Differing(
	ctx context.Context, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []struct {
		ID      uuid.UUID `db:"id"`
		Differs bool      `db:"differs"`
	}
	err = s.db.Read(ctx, "differing_polls", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT p.id, p.votes <> c.votes OR p.skips <> c.skips OR c.hours IS DISTINCT FROM (
				SELECT array_agg(ARRAY[at, votes] ORDER BY at) FROM feed_hours
				WHERE poll_id = p.id AND votes <> 0) AS differs
			FROM (
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
) (kept, answers feed.Numbers, err error) {
	err = s.db.Write(ctx, "recount_poll", func(tx *sqlx.Tx) error {
		p, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		kept.Tally = p.Tally
		if kept.Hours, err = hours(ctx, tx, id, math.MaxInt32); err != nil {
			return err
		}
		if answers, err = recounted(ctx, tx, id); err != nil {
			return err
		}
		if kept.Equal(answers) || !repair {
			return nil
		}
		return mend(ctx, tx, id, answers)
	})
	return kept, answers, err
}

// recounted gives what the answers to a poll say.
func recounted(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (n feed.Numbers, err error) {
	var row struct {
		Votes postgres.Int64s `db:"votes"`
		Skips int64           `db:"skips"`
		Hours postgres.Int64s `db:"hours"`
	}
	err = tx.GetContext(ctx, &row, `
		SELECT c.votes, c.skips, ARRAY(SELECT unnest(c.hours)) AS hours
		FROM feed_polls p `+tallied+` WHERE p.id = $1`, id)
	n.Tally = feed.Tally{Votes: row.Votes, Skips: row.Skips}
	for pair := range slices.Chunk(row.Hours, 2) {
		n.Hours = append(n.Hours, feed.Hour{At: pair[0], Votes: pair[1]})
	}
	return n, err
}

// mend writes what the answers to a poll say.
func mend(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, n feed.Numbers) error {
	_, err := tx.ExecContext(ctx, `UPDATE feed_polls
		SET votes = $2::bigint[], skips = $3, revision = revision + 1 WHERE id = $1`, id,
		postgres.Int64Array(len(n.Votes), func(i int) int64 { return n.Votes[i] }), n.Skips)
	if err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, `DELETE FROM feed_hours WHERE poll_id = $1`, id); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO feed_hours (poll_id, at, votes)
		SELECT $1, u.at, u.votes FROM unnest($2::bigint[], $3::bigint[]) AS u (at, votes)`, id,
		postgres.Int64Array(len(n.Hours), func(i int) int64 { return n.Hours[i].At }),
		postgres.Int64Array(len(n.Hours), func(i int) int64 { return n.Hours[i].Votes }))
	return err
}

package feedlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// numbers gives those of polls that are kept, and those that their answers say, of a table p of
// polls.
const numbers = `p.id, p.votes, p.skips,
	(SELECT json_group_array(json_array(at, votes)) FROM (
		SELECT at, votes FROM feed_hours WHERE poll_id = p.id AND votes <> 0 ORDER BY at)) AS hours,
	(SELECT json_group_array(n) FROM (
		SELECT (SELECT count(*) FROM feed_answers a
			WHERE a.poll_id = p.id AND a.option = o.key) AS n
		FROM json_each(p.votes) o ORDER BY o.key)) AS counted,
	(SELECT count(*) FROM feed_answers a WHERE a.poll_id = p.id AND a.option = -1) AS skipped,
	(SELECT json_group_array(json_array(at, n)) FROM (
		SELECT a.at - a.at % 3600000 AS at, count(*) AS n FROM feed_answers a
		WHERE a.poll_id = p.id AND a.option >= 0 GROUP BY 1 ORDER BY 1)) AS gave`

type numbersRow struct {
	ID      uuid.UUID             `db:"id"`
	Votes   sqlite.List[int64]    `db:"votes"`
	Skips   int64                 `db:"skips"`
	Hours   sqlite.List[[2]int64] `db:"hours"`
	Counted sqlite.List[int64]    `db:"counted"`
	Skipped int64                 `db:"skipped"`
	Gave    sqlite.List[[2]int64] `db:"gave"`
}

// numbers gives those that are kept, and those that the answers say.
func (r *numbersRow) numbers() (kept, answers feed.Numbers) {
	kept = feed.Numbers{Tally: feed.Tally{Votes: r.Votes, Skips: r.Skips}}
	for _, h := range r.Hours {
		kept.Hours = append(kept.Hours, feed.Hour{At: h[0], Votes: h[1]})
	}
	answers = feed.Numbers{Tally: feed.Tally{Votes: r.Counted, Skips: r.Skipped}}
	for _, h := range r.Gave {
		answers.Hours = append(answers.Hours, feed.Hour{At: h[0], Votes: h[1]})
	}
	return kept, answers
}

// Differing implements feed.Store. One statement sees the numbers and the answers of one moment.
func (s *Store) Differing(
	ctx context.Context, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []numbersRow
	err = s.db.Read(ctx, "differing_polls", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+numbers+` FROM feed_polls p
			WHERE p.id > ?1 AND p.id >= (SELECT from_id FROM feed_kept)
			ORDER BY p.id LIMIT ?2`, after[:], limit)
	})
	for i := range rows {
		last = rows[i].ID
		if kept, answers := rows[i].numbers(); !kept.Equal(answers) {
			differing = append(differing, last)
		}
	}
	return len(rows), last, differing, err
}

// Recount implements feed.Store.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (kept, answers feed.Numbers, err error) {
	err = s.db.Write(ctx, "recount_poll", func(tx *sqlx.Tx) error {
		p, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		var row numbersRow
		err = tx.GetContext(ctx, &row,
			`SELECT `+numbers+` FROM feed_polls p WHERE p.id = ?1`, id[:])
		kept, answers = row.numbers()
		if err != nil || kept.Equal(answers) || !repair {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM feed_hours WHERE poll_id = ?1`, id[:])
		if err != nil {
			return err
		}
		if err := writeHours(ctx, tx, id, answers.Hours...); err != nil {
			return err
		}
		return write(ctx, tx, id, answers.Tally, p.Revision+1)
	})
	return kept, answers, err
}

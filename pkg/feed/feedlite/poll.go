package feedlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Create implements feed.Store.
func (s *Store) Create(ctx context.Context, p feed.Poll) error {
	until := never
	if at := millis(p.ClosesAt); at != nil {
		until = *at
	}
	return s.db.Write(ctx, "create_poll", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO feed_polls
				(id, author, title, options, tags, words, closes_at, closed, results, votes)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
			p.ID[:], p.Author[:], p.Title, list(p.Options), list(p.Tags), p.Words(),
			millis(p.ClosesAt), p.Closed, p.Results, list(make([]int64, len(p.Options))))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO feed_words (rowid, words)
			SELECT place, words FROM feed_polls WHERE id = ?1`, p.ID[:])
		if err != nil || p.Closed {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO feed_tags (tag, poll_id, until) SELECT value, ?1, ?2 FROM json_each(?3)`,
			p.ID[:], until, list(places(p.Tags)))
		return err
	})
}

// places gives the tags under which a poll is in the feed. The empty one stands for the whole feed.
func places(tags []string) []string { return append([]string{""}, tags...) }

// Polls implements feed.Store.
func (s *Store) Polls(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]feed.Poll, error) {
	arg, err := hexed(ids)
	if err != nil {
		return nil, err
	}
	var rows []pollRow
	err = s.db.Read(ctx, "feed_polls", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+pollColumns+` FROM feed_polls
			WHERE id IN (SELECT unhex(value->>0) FROM json_each(?1))`, arg)
	})
	polls := make(map[uuid.UUID]feed.Poll, len(rows))
	for i := range rows {
		polls[rows[i].ID] = rows[i].poll()
	}
	return polls, err
}

// By implements feed.Store.
func (s *Store) By(
	ctx context.Context, author, before uuid.UUID, limit int,
) ([]feed.Poll, error) {
	before = fromNewest(before)
	var rows []pollRow
	err := s.db.Read(ctx, "polls_by", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+pollColumns+` FROM feed_polls
			WHERE author = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`, author[:], before[:], limit)
	})
	polls := make([]feed.Poll, len(rows))
	for i := range rows {
		polls[i] = rows[i].poll()
	}
	return polls, err
}

// find reads a poll whose answers are kept, within a transaction, which keeps every other writer
// out.
func find(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (feed.Poll, error) {
	var row pollRow
	err := tx.GetContext(ctx, &row, `SELECT `+pollColumns+` FROM feed_polls
		WHERE id = ?1 AND id >= (SELECT from_id FROM feed_kept)`, id[:])
	if err != nil {
		return feed.Poll{}, noPoll(err)
	}
	return row.poll(), nil
}

// Close implements feed.Store.
func (s *Store) Close(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "close_poll", func(tx *sqlx.Tx) error {
		var tags sqlite.List[string]
		err := tx.GetContext(ctx, &tags,
			`UPDATE feed_polls SET closed = 1 WHERE id = ?1 RETURNING tags`, id[:])
		if err != nil {
			return noPoll(err)
		}
		return leave(ctx, tx, id, tags)
	})
}

// leave takes a poll out of the feed.
func leave(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, tags []string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM feed_tags
		WHERE tag IN (SELECT value FROM json_each(?1)) AND poll_id = ?2`,
		list(places(tags)), id[:])
	return err
}

// Delete implements feed.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "delete_poll", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO feed_words (feed_words, rowid, words)
			SELECT 'delete', place, words FROM feed_polls WHERE id = ?1`, id[:])
		if err != nil {
			return err
		}
		var tags sqlite.List[string]
		err = tx.GetContext(ctx, &tags,
			`DELETE FROM feed_polls WHERE id = ?1 RETURNING tags`, id[:])
		if err != nil {
			return noPoll(err)
		}
		if err := leave(ctx, tx, id, tags); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM feed_hours WHERE poll_id = ?1`, id[:])
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO feed_gone (poll_id) VALUES (?1)`, id[:])
		return err
	})
}

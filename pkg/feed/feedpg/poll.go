package feedpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
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
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
				array_fill(0::bigint, ARRAY[$10::integer]))`,
			p.ID, p.Author, p.Title, texts(p.Options), texts(p.Tags), p.Words(),
			millis(p.ClosesAt), p.Closed, p.Results, len(p.Options))
		if err != nil || p.Closed {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO feed_tags (tag, poll_id, until)
			SELECT tag, $1, $2 FROM unnest($3::text[]) AS u (tag)`,
			p.ID, until, texts(places(p.Tags)))
		return err
	})
}

func texts(all []string) []byte {
	return postgres.TextArray(len(all), func(i int) string { return all[i] })
}

// places gives the tags under which a poll is in the feed. The empty one stands for the whole feed.
func places(tags []string) []string { return append([]string{""}, tags...) }

// Polls implements feed.Store.
func (s *Store) Polls(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]feed.Poll, error) {
	var rows []pollRow
	err := s.db.Read(ctx, "feed_polls", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows,
			`SELECT `+pollColumns+` FROM feed_polls WHERE id = ANY($1::uuid[])`, idArray(ids))
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
	var rows []pollRow
	err := s.db.Read(ctx, "polls_by", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+pollColumns+` FROM feed_polls
			WHERE author = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
			author, fromNewest(before), limit)
	})
	polls := make([]feed.Poll, len(rows))
	for i := range rows {
		polls[i] = rows[i].poll()
	}
	return polls, err
}

// Close implements feed.Store.
func (s *Store) Close(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "close_poll", func(tx *sqlx.Tx) error {
		var tags postgres.Texts
		err := tx.GetContext(ctx, &tags,
			`UPDATE feed_polls SET closed = true WHERE id = $1 RETURNING tags`, id)
		if err != nil {
			return noPoll(err)
		}
		return leave(ctx, tx, id, tags)
	})
}

// leave takes a poll out of the feed.
func leave(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, tags []string) error {
	_, err := tx.ExecContext(ctx,
		`DELETE FROM feed_tags WHERE tag = ANY($1::text[]) AND poll_id = $2`,
		texts(places(tags)), id)
	return err
}

// Delete implements feed.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "delete_poll", func(tx *sqlx.Tx) error {
		var tags postgres.Texts
		err := tx.GetContext(ctx, &tags, `DELETE FROM feed_polls WHERE id = $1 RETURNING tags`, id)
		if err != nil {
			return noPoll(err)
		}
		if err := leave(ctx, tx, id, tags); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `WITH hours AS (DELETE FROM feed_hours WHERE poll_id = $1)
			INSERT INTO feed_gone (poll_id) VALUES ($1)`, id)
		return err
	})
}

// lock reads a poll whose row nobody else changes until the transaction ends.
func lock(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (feed.Poll, error) {
	var row pollRow
	err := tx.GetContext(ctx, &row, `SELECT `+pollColumns+` FROM feed_polls
		WHERE id = $1 AND id >= (SELECT from_id FROM feed_kept) FOR UPDATE`, id)
	if err != nil {
		return feed.Poll{}, noPoll(err)
	}
	return row.poll(), nil
}

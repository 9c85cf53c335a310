package talkpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Create implements talk.Store.
func (s *Store) Create(ctx context.Context, talks ...talk.Talk) error {
	return s.db.Write(ctx, "create_talks", func(tx *sqlx.Tx) error {
		return insert(ctx, tx, talks)
	})
}

func insert(ctx context.Context, tx *sqlx.Tx, talks []talk.Talk) error {
	for i := range talks {
		t := &talks[i]
		_, err := tx.ExecContext(ctx, `
			INSERT INTO talks (id, code, token_hash, partition, title, speaker, starts_at, ends_at,
				opens_at, closes_at, min_ratings, comments, voters, account_id, importer, source)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
				$13, $14, $15, $16)`,
			t.ID, t.Code, t.TokenHash[:], t.Partition, t.Title, t.Speaker,
			millis(t.StartsAt), millis(t.EndsAt), millis(t.OpensAt), millis(t.ClosesAt),
			t.MinRatings, t.Comments, t.Voters, accountID(t.Account), importer(t.Importer),
			source(t))
		if err != nil {
			return err
		}
	}
	return nil
}

// Talk implements talk.Store.
func (s *Store) Talk(ctx context.Context, id uuid.UUID) (talk.Talk, error) {
	return s.one(ctx, "talk", `WHERE id = $1`, id)
}

// Find implements talk.Store.
func (s *Store) Find(ctx context.Context, code string) (talk.Talk, error) {
	return s.one(ctx, "find_talk", `WHERE code = $1`, code)
}

func (s *Store) one(ctx context.Context, call, where string, arg any) (talk.Talk, error) {
	var row talkRow
	err := s.db.Read(ctx, call, func(q postgres.Queryer) error {
		return noTalk(q.GetContext(ctx, &row, `SELECT `+talkColumns+` FROM talks `+where, arg))
	})
	if err != nil {
		return talk.Talk{}, err
	}
	return row.talk(), nil
}

// List implements talk.Store.
func (s *Store) List(ctx context.Context, after *talk.Place, limit int) ([]talk.Talk, error) {
	where, args := "", []any{limit}
	if after != nil {
		where = `WHERE (coalesce(starts_at, ` + never + `), id) > (coalesce($2, ` + never + `), $3)`
		args = append(args, millis(after.StartsAt), after.ID)
	}
	var rows []talkRow
	err := s.db.Read(ctx, "talks", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+talkColumns+` FROM talks `+where+`
			ORDER BY coalesce(starts_at, `+never+`), id LIMIT $1`, args...)
	})
	return talks(rows), err
}

func talks(rows []talkRow) []talk.Talk {
	all := make([]talk.Talk, len(rows))
	for i := range rows {
		all[i] = rows[i].talk()
	}
	return all
}

// Newest implements talk.Store.
func (s *Store) Newest(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	var rows []struct {
		ID    uuid.UUID `db:"id"`
		Stand int64     `db:"stand"`
	}
	err := s.db.Read(ctx, "newest_talks", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows,
			`SELECT id, edits + revision AS stand FROM talks WHERE id = ANY($1::uuid[])`,
			idArray(ids))
	})
	stands := make(map[uuid.UUID]int64, len(rows))
	for _, r := range rows {
		stands[r.ID] = r.Stand
	}
	return stands, err
}

func idArray(ids []uuid.UUID) []byte {
	return postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] })
}

// lock reads a talk whose row nobody else changes until the transaction ends.
func lock(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (talk.Talk, error) {
	var row talkRow
	err := tx.GetContext(ctx, &row,
		`SELECT `+talkColumns+` FROM talks WHERE id = $1 FOR UPDATE`, id)
	return row.talk(), noTalk(err)
}

// Edit implements talk.Store.
func (s *Store) Edit(
	ctx context.Context, id uuid.UUID, change func(*talk.Talk) error,
) (t talk.Talk, err error) {
	err = s.db.Write(ctx, "edit_talk", func(tx *sqlx.Tx) error {
		if t, err = lock(ctx, tx, id); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		return update(ctx, tx, &t)
	})
	if err != nil {
		return talk.Talk{}, err
	}
	return t, nil
}

// update writes an edit of a talk that is locked.
func update(ctx context.Context, tx *sqlx.Tx, t *talk.Talk) error {
	t.Edits++
	_, err := tx.ExecContext(ctx, `
		UPDATE talks SET title = $2, speaker = $3, starts_at = $4, ends_at = $5, opens_at = $6,
			closes_at = $7, min_ratings = $8, comments = $9, voters = $10, edits = $11,
			account_id = $12, importer = $13
		WHERE id = $1`, t.ID, t.Title, t.Speaker, millis(t.StartsAt), millis(t.EndsAt),
		millis(t.OpensAt), millis(t.ClosesAt), t.MinRatings, t.Comments, t.Voters, t.Edits,
		accountID(t.Account), importer(t.Importer))
	return err
}

// Delete implements talk.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "delete_talk", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM talks WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fault.Errorf(fault.NotFound, "there is no such talk")
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM ratings WHERE talk_id = $1`, id)
		return err
	})
}

package formpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Create implements form.Store.
func (s *Store) Create(ctx context.Context, f form.Form) error {
	return s.db.Write(ctx, "create_form", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO forms (id, code, token_hash, account_id, partition, title, intro, email,
				closes_at, closed, max_responses, one_per_person, voters, definition)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			f.ID, f.Code, f.TokenHash[:], optional(f.Account), f.Partition, f.Title, f.Intro,
			f.Email, millis(f.ClosesAt), f.Closed, f.MaxResponses, f.OnePerPerson, f.Voters,
			f.Definition.Encode())
		return err
	})
}

// Form implements form.Store.
func (s *Store) Form(ctx context.Context, id uuid.UUID) (form.Form, error) {
	return s.one(ctx, "form", `WHERE id = $1`, id)
}

// Find implements form.Store.
func (s *Store) Find(ctx context.Context, code string) (form.Form, error) {
	return s.one(ctx, "find_form", `WHERE code = $1`, code)
}

func (s *Store) one(ctx context.Context, call, where string, arg any) (form.Form, error) {
	var row formRow
	err := s.db.Read(ctx, call, func(q postgres.Queryer) error {
		return noForm(q.GetContext(ctx, &row, `SELECT `+formColumns+` FROM forms `+where, arg))
	})
	if err != nil {
		return form.Form{}, err
	}
	return row.form()
}

// Owned implements form.Store.
func (s *Store) Owned(
	ctx context.Context, account, before uuid.UUID, limit int,
) ([]form.Form, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	var rows []formRow
	err := s.db.Read(ctx, "owned_forms", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+formColumns+` FROM forms
			WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, account, before, limit)
	})
	return forms(rows, err)
}

// FormIDs implements form.Store.
func (s *Store) FormIDs(
	ctx context.Context, after uuid.UUID, limit int,
) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "form_ids", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &ids,
			`SELECT id FROM forms WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	})
	return ids, err
}

// lock reads a form whose row nobody else changes until the transaction ends.
func lock(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (form.Form, error) {
	var row formRow
	err := tx.GetContext(ctx, &row,
		`SELECT `+formColumns+` FROM forms WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return form.Form{}, noForm(err)
	}
	return row.form()
}

// Edit implements form.Store.
func (s *Store) Edit(
	ctx context.Context, id uuid.UUID,
	change func(*form.Form, map[uuid.UUID]int64) error,
) (f form.Form, err error) {
	err = s.db.Write(ctx, "edit_form", func(tx *sqlx.Tx) error {
		if f, err = lock(ctx, tx, id); err != nil {
			return err
		}
		var rows []countRow
		err := tx.SelectContext(ctx, &rows, `SELECT question_id, key, n FROM form_counts
			WHERE form_id = $1 AND key = '' AND n <> 0`, id)
		if err != nil {
			return err
		}
		answered := make(map[uuid.UUID]int64, len(rows))
		for _, r := range rows {
			answered[r.Question] = r.N
		}
		if err := change(&f, answered); err != nil {
			return err
		}
		f.Edits++
		_, err = tx.ExecContext(ctx, `
			UPDATE forms SET account_id = $2, title = $3, intro = $4, email = $5, closes_at = $6,
				closed = $7, max_responses = $8, one_per_person = $9, voters = $10,
				definition = $11, edits = $12
			WHERE id = $1`, f.ID, optional(f.Account), f.Title, f.Intro, f.Email,
			millis(f.ClosesAt), f.Closed, f.MaxResponses, f.OnePerPerson, f.Voters,
			f.Definition.Encode(), f.Edits)
		return err
	})
	if err != nil {
		return form.Form{}, err
	}
	return f, nil
}

// Delete implements form.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "delete_form", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM forms WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fault.Errorf(fault.NotFound, "there is no such form")
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO form_gone (form_id) VALUES ($1)`, id)
		return err
	})
}

// Erase implements form.Store.
func (s *Store) Erase(ctx context.Context, limit int) (n int, err error) {
	for _, query := range []string{
		`DELETE FROM form_responses WHERE id IN (
			SELECT r.id FROM form_gone g JOIN form_responses r USING (form_id) LIMIT $1)`,
		`DELETE FROM form_counts WHERE (form_id, question_id, key) IN (
			SELECT c.form_id, c.question_id, c.key FROM form_gone g JOIN form_counts c
				USING (form_id) LIMIT $1)`,
		`DELETE FROM form_words WHERE (form_id, question_id, word, spelling) IN (
			SELECT w.form_id, w.question_id, w.word, w.spelling FROM form_gone g
				JOIN form_words w USING (form_id) LIMIT $1)`,
		`DELETE FROM form_gone WHERE form_id IN (
			SELECT form_id FROM form_gone g
			WHERE NOT EXISTS (SELECT FROM form_responses r WHERE r.form_id = g.form_id)
				AND NOT EXISTS (SELECT FROM form_counts c WHERE c.form_id = g.form_id)
				AND NOT EXISTS (SELECT FROM form_words w WHERE w.form_id = g.form_id)
			LIMIT $1)`,
	} {
		deleted, err := s.db.Exec(ctx, "erase_forms", query, limit)
		if err != nil {
			return n, err
		}
		n += deleted
	}
	return n, nil
}

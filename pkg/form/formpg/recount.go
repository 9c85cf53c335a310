package formpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Recount implements form.Store. What is compared is read page by page in one snapshot, so that
// nobody waits for it.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (kept, rows form.Numbers, err error) {
	var mends int64
	err = s.db.List(ctx, "recount_form", func(tx *sqlx.Tx) error {
		kept, rows, mends, err = compare(ctx, tx, id)
		return err
	})
	by := rows.Minus(kept)
	if err != nil || !repair || by.None() {
		return kept, rows, err
	}
	return kept, rows, s.db.Write(ctx, "mend_form", func(tx *sqlx.Tx) error {
		return mend(ctx, tx, id, mends, by)
	})
}

// compare reads the numbers of a form, those of its responses, and how often they were mended.
func compare(
	ctx context.Context, tx *sqlx.Tx, id uuid.UUID,
) (kept, rows form.Numbers, mends int64, err error) {
	var row struct {
		formRow
		Mends int64 `db:"mends"`
	}
	err = tx.GetContext(ctx, &row, `SELECT `+formColumns+`, mends FROM forms WHERE id = $1`, id)
	if err != nil {
		return kept, rows, 0, noForm(err)
	}
	f, err := row.form()
	if err != nil {
		return kept, rows, 0, err
	}
	kept = form.Numbers{Responses: f.Responses, Counts: form.Counts{}}
	keep := func(r countRow) error {
		kept.Counts[r.place()] = r.N
		return nil
	}
	for _, query := range []string{
		`SELECT question_id, key, '' AS spelling, n FROM form_counts
			WHERE form_id = $1 AND n <> 0`,
		`SELECT question_id, word AS key, spelling, n FROM form_words
			WHERE form_id = $1 AND n <> 0`,
	} {
		if err := postgres.Each(ctx, tx, keep, query, id); err != nil {
			return kept, rows, 0, err
		}
	}
	recounted := form.NewRecounted(&f.Definition)
	err = postgres.Each(ctx, tx, func(r responseRow) error {
		answers, err := form.DecodeAnswers(r.Answers)
		recounted.Add(answers)
		return err
	}, eachResponse, id)
	return kept, recounted.Numbers, row.Mends, err
}

// mend moves the numbers of a form, unless another call has done so meanwhile.
func mend(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, mends int64, by form.Numbers) error {
	f, err := lock(ctx, tx, id)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx,
		`UPDATE forms SET mends = mends + 1 WHERE id = $1 AND mends = $2`, id, mends)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return fault.Errorf(fault.Conflict, "the form was mended meanwhile")
	}
	counts, words := by.Moves(id)
	return settle(ctx, tx, &form.Settled{Counts: counts, Words: words, Forms: []form.Counted{{
		FormID: id, Responses: f.Responses + by.Responses, Numbered: f.Numbered,
		Revision: f.Revision + 1,
	}}}, 0)
}

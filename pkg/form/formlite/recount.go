package formlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Recount implements form.Store. Its transaction keeps every other writer out meanwhile.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (kept, rows form.Numbers, err error) {
	err = s.db.Write(ctx, "recount_form", func(tx *sqlx.Tx) error {
		f, err := read(ctx, tx, id)
		if err != nil {
			return err
		}
		if kept, rows, err = compare(ctx, tx, &f); err != nil {
			return err
		}
		by := rows.Minus(kept)
		if !repair || by.None() {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE forms SET mends = mends + 1 WHERE id = ?1`, id[:])
		if err != nil {
			return err
		}
		counts, words := by.Moves(id)
		return settle(ctx, tx, &form.Settled{
			Counts: counts, Words: words, Forms: []form.Counted{{
				FormID: id, Responses: rows.Responses, Numbered: f.Numbered,
				Revision: f.Revision + 1,
			}},
		}, 0)
	})
	return kept, rows, err
}

// compare reads the numbers of a form, and those of its responses.
func compare(
	ctx context.Context, tx *sqlx.Tx, f *form.Form,
) (kept, rows form.Numbers, err error) {
	kept = form.Numbers{Responses: f.Responses, Counts: form.Counts{}}
	var counts []countRow
	err = tx.SelectContext(ctx, &counts, `
		SELECT question_id, key, '' AS spelling, n FROM form_counts WHERE form_id = ?1 AND n <> 0
		UNION ALL
		SELECT question_id, word, spelling, n FROM form_words WHERE form_id = ?1 AND n <> 0`,
		f.ID[:])
	if err != nil {
		return kept, rows, err
	}
	for _, r := range counts {
		kept.Counts[r.place()] = r.N
	}
	recounted := form.NewRecounted(&f.Definition)
	err = sqlite.Each(ctx, tx, func(r responseRow) error {
		answers, err := form.DecodeAnswers(r.Answers)
		recounted.Add(answers)
		return err
	}, eachResponse, f.ID[:])
	return kept, recounted.Numbers, err
}

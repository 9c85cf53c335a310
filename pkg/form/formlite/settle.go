package formlite

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

var givenResponses, responseWidth = sqlite.Given("id id", "form_id id", "number number",
	"person id", "at number", "changed_at number", "edits number", "answers text", "flags text")

var upsertResponses = givenResponses + `
	INSERT INTO form_responses
		(id, form_id, number, person, at, changed_at, edits, answers, flags)
	SELECT id, form_id, number, nullif(person, zeroblob(16)), at, changed_at, edits, answers, flags
	FROM given WHERE true
	ON CONFLICT (id) DO UPDATE SET changed_at = excluded.changed_at, edits = excluded.edits,
		answers = excluded.answers, flags = excluded.flags`

var givenMoves, moveWidth = sqlite.Given("form_id id", "question_id id", "key text",
	"spelling text", "n number")

var moveCounts = givenMoves + `
	INSERT INTO form_counts (form_id, question_id, key, n)
	SELECT form_id, question_id, key, n FROM given WHERE true
	ON CONFLICT (form_id, question_id, key) DO UPDATE SET n = n + excluded.n`

var moveWords = givenMoves + `
	INSERT INTO form_words (form_id, question_id, word, spelling, n)
	SELECT form_id, question_id, key, spelling, n FROM given WHERE true
	ON CONFLICT (form_id, question_id, word, spelling) DO UPDATE SET n = n + excluded.n`

var dropWords = givenMoves + `
	DELETE FROM form_words WHERE n = 0 AND (form_id, question_id, word, spelling) IN (
		SELECT form_id, question_id, key, spelling FROM given)`

// settle writes what counting changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *form.Settled, partition int) error {
	if err := settleResponses(ctx, tx, s); err != nil {
		return err
	}
	if n := len(s.Counts); n > 0 {
		given := moves(s.Counts)
		result, err := tx.ExecContext(ctx, moveCounts, given.Rows, given.Texts)
		if err := sqlite.Exactly(n, "counts", result, err); err != nil {
			return err
		}
	}
	if n := len(s.Words); n > 0 {
		given := moves(s.Words)
		result, err := tx.ExecContext(ctx, moveWords, given.Rows, given.Texts)
		if err := sqlite.Exactly(n, "words", result, err); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, dropWords, given.Rows, given.Texts); err != nil {
			return err
		}
	}
	for i := range s.Forms {
		f := &s.Forms[i]
		result, err := tx.ExecContext(ctx,
			`UPDATE forms SET responses = ?2, numbered = ?3, revision = ?4 WHERE id = ?1`,
			f.FormID[:], f.Responses, f.Numbered, f.Revision)
		if err := sqlite.Exactly(1, "forms", result, err); err != nil {
			return err
		}
	}
	for _, id := range s.IDs {
		_, err := tx.ExecContext(ctx, `INSERT INTO batches (id, partition) VALUES (?1, ?2)`,
			id[:], partition)
		if err != nil {
			return err
		}
	}
	return nil
}

func settleResponses(ctx context.Context, tx *sqlx.Tx, s *form.Settled) error {
	if n := len(s.Stand); n > 0 {
		given := sqlite.NewSet(n, responseWidth)
		for i := range s.Stand {
			r := &s.Stand[i]
			given.ID(r.ID)
			given.ID(r.FormID)
			given.Number(r.Number)
			given.ID(r.Person)
			given.Number(r.At)
			given.Number(r.Changed)
			given.Number(r.Edits)
			given.Text(r.Answers.Encode())
			given.Text(form.EncodeFlags(r.Flags))
		}
		result, err := tx.ExecContext(ctx, upsertResponses, given.Rows, given.Texts)
		if err := sqlite.Exactly(n, "responses", result, err); err != nil {
			return err
		}
	}
	for _, id := range s.Gone {
		result, err := tx.ExecContext(ctx, `DELETE FROM form_responses WHERE id = ?1`, id[:])
		if err := sqlite.Exactly(1, "responses that go", result, err); err != nil {
			return err
		}
	}
	return nil
}

func moves(all []form.Move) *sqlite.Set {
	given := sqlite.NewSet(len(all), moveWidth)
	for i := range all {
		m := &all[i]
		given.ID(m.FormID)
		given.ID(m.Question)
		given.Text(m.Key)
		given.Text(m.Spelling)
		given.Number(m.By)
	}
	return given
}

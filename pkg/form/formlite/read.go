package formlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const responseColumns = `r.id, r.form_id, r.number, r.person, r.at, r.changed_at, r.edits,
	r.answers, r.flags`

type responseRow struct {
	ID        uuid.UUID     `db:"id"`
	FormID    uuid.UUID     `db:"form_id"`
	Number    int64         `db:"number"`
	Person    uuid.NullUUID `db:"person"`
	At        int64         `db:"at"`
	ChangedAt int64         `db:"changed_at"`
	Edits     int64         `db:"edits"`
	Answers   string        `db:"answers"`
	Flags     string        `db:"flags"`
}

func (r *responseRow) response() (one form.Response, err error) {
	one = form.Response{
		ID: r.ID, FormID: r.FormID, Number: r.Number, Person: r.Person.UUID, At: r.At,
		Changed: r.ChangedAt, Edits: r.Edits,
	}
	if one.Answers, err = form.DecodeAnswers(r.Answers); err != nil {
		return one, err
	}
	one.Flags, err = form.DecodeFlags(r.Flags)
	return one, err
}

// Response implements form.Store.
func (s *Store) Response(ctx context.Context, id uuid.UUID) (form.Response, error) {
	var row responseRow
	err := s.db.Read(ctx, "response", func(q sqlite.Queryer) error {
		err := q.GetContext(ctx, &row, `SELECT `+responseColumns+`
			FROM form_responses r JOIN forms f ON f.id = r.form_id WHERE r.id = ?1`, id[:])
		if errors.Is(err, sql.ErrNoRows) {
			return form.NoResponse()
		}
		return err
	})
	if err != nil {
		return form.Response{}, err
	}
	return row.response()
}

// Responses implements form.Store.
func (s *Store) Responses(
	ctx context.Context, formID uuid.UUID, before int64, limit int,
) ([]form.Response, error) {
	var rows []responseRow
	err := s.db.Read(ctx, "responses", func(q sqlite.Queryer) error {
		var found bool
		err := q.GetContext(ctx, &found, `SELECT true FROM forms WHERE id = ?1`, formID[:])
		if err != nil {
			return noForm(err)
		}
		return q.SelectContext(ctx, &rows, `SELECT `+responseColumns+` FROM form_responses r
			WHERE r.form_id = ?1 AND r.number < coalesce(nullif(?2, 0), 9223372036854775807)
			ORDER BY r.number DESC LIMIT ?3`, formID[:], before, limit)
	})
	all := make([]form.Response, len(rows))
	for i := 0; i < len(rows) && err == nil; i++ {
		all[i], err = rows[i].response()
	}
	return all, err
}

const eachResponse = `SELECT ` + responseColumns + ` FROM form_responses r
	WHERE r.form_id = ?1 ORDER BY r.number`

// Each implements form.Store.
func (s *Store) Each(
	ctx context.Context, formID uuid.UUID, yield func(form.Response) error,
) error {
	return s.db.List(ctx, "each_response", func(q sqlite.Queryer) error {
		var found bool
		err := q.GetContext(ctx, &found, `SELECT true FROM forms WHERE id = ?1`, formID[:])
		if err != nil {
			return noForm(err)
		}
		return sqlite.Each(ctx, q, func(r responseRow) error {
			one, err := r.response()
			if err != nil {
				return err
			}
			return yield(one)
		}, eachResponse, formID[:])
	})
}

type countRow struct {
	Question uuid.UUID `db:"question_id"`
	Key      string    `db:"key"`
	Spelling string    `db:"spelling"` // only of a word
	N        int64     `db:"n"`
}

func (r *countRow) place() form.Place {
	return form.Place{Question: r.Question, Key: r.Key, Spelling: r.Spelling}
}

// Counts implements form.Store.
func (s *Store) Counts(ctx context.Context, formID uuid.UUID) (t form.Tally, err error) {
	var rows []struct {
		Responses int64         `db:"responses"`
		Revision  int64         `db:"revision"`
		Question  uuid.NullUUID `db:"question_id"`
		Key       string        `db:"key"`
		N         int64         `db:"n"`
	}
	err = s.db.Read(ctx, "form_counts", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT f.responses, f.revision, c.question_id, coalesce(c.key, '') AS key,
				coalesce(c.n, 0) AS n
			FROM forms f LEFT JOIN form_counts c ON c.form_id = f.id AND c.n <> 0
			WHERE f.id = ?1`, formID[:])
	})
	switch {
	case err != nil:
		return form.Tally{}, err
	case len(rows) == 0:
		return form.Tally{}, fault.Errorf(fault.NotFound, "there is no such form")
	}
	t.Responses, t.Revision, t.Counts = rows[0].Responses, rows[0].Revision, form.Counts{}
	for _, r := range rows {
		if r.Question.Valid {
			t.Counts[form.Place{Question: r.Question.UUID, Key: r.Key}] = r.N
		}
	}
	return t, nil
}

// Words implements form.Store.
func (s *Store) Words(
	ctx context.Context, formID, question uuid.UUID, limit int,
) ([]form.Word, error) {
	var rows []struct {
		Word  string `db:"word"`
		Text  string `db:"text"`
		Count int64  `db:"count"`
	}
	err := s.db.Read(ctx, "form_words", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT word, sum(n) AS count, (
				SELECT w.spelling FROM form_words w
				WHERE w.form_id = ?1 AND w.question_id = ?2 AND w.word = o.word
				ORDER BY w.n DESC, w.spelling LIMIT 1) AS text
			FROM form_words o WHERE form_id = ?1 AND question_id = ?2
			GROUP BY word ORDER BY count DESC, word LIMIT ?3`, formID[:], question[:], limit)
	})
	all := make([]form.Word, len(rows))
	for i, r := range rows {
		all[i] = form.Word(r)
	}
	return all, err
}

// Package formlite keeps forms, responses and their counts in an SQLite file.
package formlite

import (
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Store implements form.Store.
type Store struct {
	db    *sqlite.DB
	known *form.Known
}

var _ form.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *sqlite.DB) *Store { return &Store{db, form.NewKnown()} }

func noForm(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Errorf(fault.NotFound, "there is no such form")
	}
	return err
}

const formColumns = `id, code, token_hash, account_id, partition, title, intro, email, closes_at,
	closed, max_responses, one_per_person, voters, definition, edits, responses, numbered, revision`

type formRow struct {
	ID           uuid.UUID     `db:"id"`
	Code         string        `db:"code"`
	TokenHash    []byte        `db:"token_hash"`
	Account      uuid.NullUUID `db:"account_id"`
	Partition    int           `db:"partition"`
	Title        string        `db:"title"`
	Intro        string        `db:"intro"`
	Email        string        `db:"email"`
	ClosesAt     *int64        `db:"closes_at"`
	Closed       bool          `db:"closed"`
	MaxResponses int           `db:"max_responses"`
	OnePerPerson bool          `db:"one_per_person"`
	Voters       access.Voters `db:"voters"`
	Definition   string        `db:"definition"`
	Edits        int64         `db:"edits"`
	Responses    int64         `db:"responses"`
	Numbered     int64         `db:"numbered"`
	Revision     int64         `db:"revision"`
}

func (r *formRow) form() (form.Form, error) {
	f := form.Form{
		ID: r.ID, Code: r.Code, Account: r.Account.UUID, Partition: r.Partition,
		Settings: form.Settings{
			Title: r.Title, Intro: r.Intro, Email: r.Email, Closed: r.Closed,
			MaxResponses: r.MaxResponses, OnePerPerson: r.OnePerPerson, Voters: r.Voters,
		},
		Edits: r.Edits, Responses: r.Responses, Numbered: r.Numbered, Revision: r.Revision,
	}
	copy(f.TokenHash[:], r.TokenHash)
	if r.ClosesAt != nil {
		f.ClosesAt = time.UnixMilli(*r.ClosesAt).UTC()
	}
	var err error
	f.Definition, err = form.DecodeDefinition(r.Definition)
	return f, err
}

// forms reads rows.
func forms(rows []formRow, err error) ([]form.Form, error) {
	all := make([]form.Form, len(rows))
	for i := 0; i < len(rows) && err == nil; i++ {
		all[i], err = rows[i].form()
	}
	return all, err
}

// millis is what is kept of a time.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

// optional is what is kept of an id that may be missing.
func optional(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}

// hexed is the parameter of ids that json_each takes apart.
func hexed(ids []uuid.UUID) (string, error) {
	return sqlite.Rows(len(ids), func(i int) []any { return []any{sqlite.Hex(ids[i])} })
}

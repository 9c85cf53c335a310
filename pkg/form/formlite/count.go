package formlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Count implements form.Store. It is the only writer while it runs, so there is nothing to lock.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []form.Batch,
) (o form.Outcome, err error) {
	ledger := form.NewLedger(batches)
	count := func(tx *sqlx.Tx, isNew map[uuid.UUID]bool) error {
		ledger.Walk(isNew)
		if err := s.load(ctx, tx, ledger); err != nil {
			return err
		}
		wanted, err := sqlite.Wanted(ctx, tx, ledger.Forms())
		if err != nil {
			return err
		}
		ledger.Want(wanted)
		var settled form.Settled
		settled, o = ledger.Settle()
		if err := settle(ctx, tx, &settled, partitions[0]); err != nil {
			return err
		}
		return sqlite.Put(ctx, tx, settled.Facts)
	}
	err = s.db.Once(ctx, "count_responses", form.Stream, partitions, ledger.IDs(), count)
	if err != nil {
		return form.Outcome{}, err
	}
	return o, nil
}

// load brings the ledger what it asks for.
func (s *Store) load(ctx context.Context, tx *sqlx.Tx, ledger *form.Ledger) error {
	var known []uuid.UUID
	err := selectEach(ctx, tx, &known, ledger.Keyed(), `SELECT b.id
		FROM json_each(?1) u CROSS JOIN batches b ON b.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for _, id := range known {
		ledger.Know(id)
	}
	if err := s.loadForms(ctx, tx, ledger); err != nil {
		return err
	}
	var stand []responseRow
	err = selectEach(ctx, tx, &stand, ledger.Responses(), `SELECT `+responseColumns+`
		FROM json_each(?1) u CROSS JOIN form_responses r ON r.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for i := range stand {
		r, err := stand[i].response()
		if err != nil {
			return err
		}
		ledger.Old(r)
	}
	return loadPersons(ctx, tx, ledger)
}

// selectEach reads rows by ids, if there are any.
func selectEach(
	ctx context.Context, tx *sqlx.Tx, into any, ids []uuid.UUID, query string,
) error {
	if len(ids) == 0 {
		return nil
	}
	arg, err := hexed(ids)
	if err != nil {
		return err
	}
	return tx.SelectContext(ctx, into, query, arg)
}

type countedRow struct {
	ID           uuid.UUID `db:"id"`
	Closed       bool      `db:"closed"`
	ClosesAt     int64     `db:"closes_at"`
	MaxResponses int64     `db:"max_responses"`
	OnePerPerson bool      `db:"one_per_person"`
	Edits        int64     `db:"edits"`
	Responses    int64     `db:"responses"`
	Numbered     int64     `db:"numbered"`
	Revision     int64     `db:"revision"`
	Definition   *string   `db:"definition"` // nil: it is known
}

// loadForms reads what a form asks where another edit of it is known alone.
func (s *Store) loadForms(ctx context.Context, tx *sqlx.Tx, ledger *form.Ledger) error {
	ids := ledger.Forms()
	asked := s.known.Of(ids)
	definitions := make(map[uuid.UUID]*form.Definition, len(ids))
	for i, id := range ids {
		definitions[id] = asked[i].Definition
	}
	arg, err := sqlite.Rows(len(ids), func(i int) []any {
		return []any{sqlite.Hex(ids[i]), asked[i].Edits}
	})
	if err != nil {
		return err
	}
	var rows []countedRow
	err = tx.SelectContext(ctx, &rows, `
		SELECT f.id, f.closed, coalesce(f.closes_at, 0) AS closes_at, f.max_responses,
			f.one_per_person, f.edits, f.responses, f.numbered, f.revision,
			CASE WHEN f.edits <> u.value->>1 THEN f.definition END AS definition
		FROM json_each(?1) u CROSS JOIN forms f ON f.id = unhex(u.value->>0)`, arg)
	if err != nil {
		return err
	}
	for _, r := range rows {
		definition := definitions[r.ID]
		if r.Definition != nil {
			if definition, err = s.known.Learn(r.ID, r.Edits, *r.Definition); err != nil {
				return err
			}
		}
		ledger.Form(form.Counted{
			FormID: r.ID, Definition: definition, Edits: r.Edits, Closed: r.Closed,
			ClosesAt: r.ClosesAt, MaxResponses: r.MaxResponses, OnePerPerson: r.OnePerPerson,
			Responses: r.Responses, Numbered: r.Numbered, Revision: r.Revision,
		})
	}
	return nil
}

var givenPersons, personWidth = sqlite.Given("form_id id", "person id")

var selectPersons = givenPersons + `
	SELECT given.row AS place, (
		SELECT count(*) FROM form_responses r
		WHERE r.form_id = given.form_id AND r.person = given.person) AS n FROM given`

// loadPersons says of how many responses people are.
func loadPersons(ctx context.Context, tx *sqlx.Tx, ledger *form.Ledger) error {
	persons := ledger.Persons()
	if len(persons) == 0 {
		return nil
	}
	given := sqlite.NewSet(len(persons), personWidth)
	for _, p := range persons {
		given.ID(p.FormID)
		given.ID(p.Person)
	}
	var rows []struct {
		Place int   `db:"place"`
		N     int64 `db:"n"`
	}
	err := tx.SelectContext(ctx, &rows, selectPersons, given.Rows)
	for _, r := range rows {
		ledger.Person(persons[r.Place], r.N)
	}
	return err
}

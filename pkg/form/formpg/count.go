package formpg

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Count implements form.Store, in five round trips with BEGIN and COMMIT, however much it
// counts, and one more where anybody wants facts.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []form.Batch,
) (o form.Outcome, err error) {
	err = s.db.Write(ctx, "count_responses", func(tx *sqlx.Tx) error {
		ledger := form.NewLedger(batches)
		if err := s.claim(ctx, tx, ledger, partitions); err != nil {
			return err
		}
		wanted, err := postgres.Wanted(ctx, tx, ledger.Forms())
		if err != nil {
			return err
		}
		ledger.Want(wanted)
		var settled form.Settled
		settled, o = ledger.Settle()
		if err := settle(ctx, tx, &settled, partitions[0]); err != nil {
			return err
		}
		return postgres.Put(ctx, tx, settled.Facts)
	})
	if err != nil {
		return form.Outcome{}, err
	}
	return o, nil
}

// The functions of the schema that counting is made of (0016_forms.up.sql of migrations/postgres).
const (
	claimCall  = `SELECT * FROM forms_claim_1($1, $2, $3, $4, $5, $6, $7, $8)`
	settleCall = `SELECT * FROM forms_settle_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`
)

type countedRow struct {
	ID           uuid.UUID `json:"id"`
	Closed       bool      `json:"closed"`
	ClosesAt     int64     `json:"closes_at"` // null: 0
	MaxResponses int64     `json:"max_responses"`
	OnePerPerson bool      `json:"one_per_person"`
	Edits        int64     `json:"edits"`
	Responses    int64     `json:"responses"`
	Numbered     int64     `json:"numbered"`
	Revision     int64     `json:"revision"`
	Definition   *string   `json:"definition"` // nil: it is known
}

// claim locks and reads what counting needs, and has the ledger walk through it.
func (s *Store) claim(
	ctx context.Context, tx *sqlx.Tx, ledger *form.Ledger, partitions []int,
) error {
	ids, persons := ledger.Forms(), ledger.Persons()
	asked := s.known.Of(ids)
	var found struct {
		Fresh, Known  postgres.UUIDs
		Asked, Stand  []byte
		Places, Given postgres.Int64s
	}
	err := tx.GetContext(ctx, &found, claimCall,
		postgres.Int64Array(len(partitions), func(i int) int64 { return int64(partitions[i]) }),
		idArray(ledger.IDs()), idArray(ledger.Keyed()), idArray(ids),
		postgres.Int64Array(len(asked), func(i int) int64 { return asked[i].Edits }),
		idArray(ledger.Responses()),
		postgres.UUIDArray(len(persons), func(i int) uuid.UUID { return persons[i].FormID }),
		postgres.UUIDArray(len(persons), func(i int) uuid.UUID { return persons[i].Person }))
	if err != nil {
		return err
	}
	isNew := make(map[uuid.UUID]bool, len(found.Fresh))
	for _, id := range found.Fresh {
		isNew[id] = true
	}
	ledger.Walk(isNew)
	for _, id := range found.Known {
		ledger.Know(id)
	}
	for i, place := range found.Places { // they count from 1
		ledger.Person(persons[place-1], found.Given[i])
	}
	var stand []responseRow
	if err := json.Unmarshal(found.Stand, &stand); err != nil {
		return err
	}
	for i := range stand {
		r, err := stand[i].response()
		if err != nil {
			return err
		}
		ledger.Old(r)
	}
	definitions := make(map[uuid.UUID]*form.Definition, len(ids))
	for i, id := range ids {
		definitions[id] = asked[i].Definition
	}
	return s.load(ledger, found.Asked, definitions)
}

// load brings the ledger the forms, of which some definitions are known.
func (s *Store) load(
	ledger *form.Ledger, found []byte, definitions map[uuid.UUID]*form.Definition,
) error {
	var rows []countedRow
	if err := json.Unmarshal(found, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		definition := definitions[r.ID]
		if r.Definition != nil {
			var err error
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

// settle writes what counting changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *form.Settled, partition int) error {
	if s.None() {
		return nil
	}
	stand, forms := s.Stand, s.Forms
	id := func(of func(*form.Response) uuid.UUID) []byte {
		return postgres.UUIDArray(len(stand), func(i int) uuid.UUID { return of(&stand[i]) })
	}
	number := func(of func(*form.Response) int64) []byte {
		return postgres.Int64Array(len(stand), func(i int) int64 { return of(&stand[i]) })
	}
	text := func(of func(*form.Response) string) []byte {
		return postgres.TextArray(len(stand), func(i int) string { return of(&stand[i]) })
	}
	total := func(of func(*form.Counted) int64) []byte {
		return postgres.Int64Array(len(forms), func(i int) int64 { return of(&forms[i]) })
	}
	_, err := tx.ExecContext(ctx, settleCall,
		id(func(r *form.Response) uuid.UUID { return r.ID }),
		id(func(r *form.Response) uuid.UUID { return r.FormID }),
		number(func(r *form.Response) int64 { return r.Number }),
		id(func(r *form.Response) uuid.UUID { return r.Person }),
		number(func(r *form.Response) int64 { return r.At }),
		number(func(r *form.Response) int64 { return r.Changed }),
		number(func(r *form.Response) int64 { return r.Edits }),
		text(func(r *form.Response) string { return r.Answers.Encode() }),
		text(func(r *form.Response) string { return form.EncodeFlags(r.Flags) }),
		idArray(s.Gone),
		ofForms(s.Counts), ofQuestions(s.Counts), keys(s.Counts), moves(s.Counts),
		ofForms(s.Words), ofQuestions(s.Words), keys(s.Words),
		postgres.TextArray(len(s.Words), func(i int) string { return s.Words[i].Spelling }),
		moves(s.Words),
		postgres.UUIDArray(len(forms), func(i int) uuid.UUID { return forms[i].FormID }),
		total(func(f *form.Counted) int64 { return f.Responses }),
		total(func(f *form.Counted) int64 { return f.Numbered }),
		total(func(f *form.Counted) int64 { return f.Revision }),
		idArray(s.IDs), partition)
	return err
}

func ofForms(all []form.Move) []byte {
	return postgres.UUIDArray(len(all), func(i int) uuid.UUID { return all[i].FormID })
}

func ofQuestions(all []form.Move) []byte {
	return postgres.UUIDArray(len(all), func(i int) uuid.UUID { return all[i].Question })
}

func keys(all []form.Move) []byte {
	return postgres.TextArray(len(all), func(i int) string { return all[i].Key })
}

func moves(all []form.Move) []byte {
	return postgres.Int64Array(len(all), func(i int) int64 { return all[i].By })
}

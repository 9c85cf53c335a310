package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// Outbox implements outbox.Store.
type Outbox struct{ db *DB }

var _ outbox.Store = (*Outbox)(nil)

// NewOutbox makes the store that is kept by an engine.
func NewOutbox(db *DB) *Outbox { return &Outbox{db} }

// Wanted says, within a feature's transaction, of which things anybody wants facts.
func Wanted(
	ctx context.Context, tx *sqlx.Tx, things []uuid.UUID,
) (map[uuid.UUID]bool, error) {
	arg, err := Rows(len(things), func(i int) []any { return []any{Hex(things[i])} })
	if err != nil {
		return nil, err
	}
	var rows []uuid.UUID
	err = tx.SelectContext(ctx, &rows, `SELECT DISTINCT thing_id FROM integrations
		WHERE off = '' AND (thing_id = zeroblob(16)
			OR thing_id IN (SELECT unhex(value->>0) FROM json_each(?1)))`, arg)
	wanted := make(map[uuid.UUID]bool, len(rows))
	for _, id := range rows {
		wanted[id] = true
	}
	if wanted[uuid.Nil] {
		for _, id := range things {
			wanted[id] = true
		}
	}
	return wanted, err
}

var givenFacts, factWidth = Given("id id", "type text", "thing_id id", "source text",
	"subject text", "moment number", "data text")

var putFacts = givenFacts + `
	INSERT INTO deliveries (id, integration_id, sink, fact_id, type, thing_id, source, subject, at,
		data)
	SELECT randomblob(16), i.id, i.sink, u.id, u.type, u.thing_id, u.source, u.subject, u.moment,
		u.data
	FROM given u CROSS JOIN integrations i ON i.off = ''
		AND (i.types = '[]' OR u.type IN (SELECT value FROM json_each(i.types)))
		AND (i.thing_id = u.thing_id OR i.thing_id = zeroblob(16))
	ORDER BY u.row, i.id`

// Put writes facts, within the transaction that makes them, for whoever wants them.
func Put(ctx context.Context, tx *sqlx.Tx, facts []outbox.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	given := NewSet(len(facts), factWidth)
	for i := range facts {
		f := &facts[i]
		given.ID(f.ID)
		given.Text(f.Type)
		given.ID(f.Thing)
		given.Text(f.Source)
		given.Text(f.Subject)
		given.Number(f.At)
		given.Text(string(f.Data))
	}
	_, err := tx.ExecContext(ctx, putFacts, given.Rows, given.Texts)
	return err
}

const integrationColumns = `id, thing_id, sink, types, config, ordered, off, made_at`

type integrationRow struct {
	ID      uuid.UUID    `db:"id"`
	Thing   uuid.UUID    `db:"thing_id"`
	Sink    string       `db:"sink"`
	Types   List[string] `db:"types"`
	Config  string       `db:"config"`
	Ordered bool         `db:"ordered"`
	Off     string       `db:"off"`
	MadeAt  int64        `db:"made_at"`
}

func (r *integrationRow) integration() outbox.Integration {
	i := outbox.Integration{
		ID: r.ID, Thing: r.Thing, Sink: r.Sink, Config: json.RawMessage(r.Config),
		Ordered: r.Ordered, Off: r.Off, MadeAt: r.MadeAt,
	}
	if len(r.Types) > 0 {
		i.Types = r.Types
	}
	return i
}

func noIntegration(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Errorf(fault.NotFound, "there is no such integration")
	}
	return err
}

// typesOf is what is kept of the types that an integration wants.
func typesOf(i *outbox.Integration) (string, error) {
	if len(i.Types) == 0 {
		return "[]", nil
	}
	types, err := json.Marshal(i.Types)
	return string(types), err
}

// AddIntegration implements outbox.Store.
func (o *Outbox) AddIntegration(ctx context.Context, i outbox.Integration) error {
	types, err := typesOf(&i)
	if err != nil {
		return err
	}
	_, err = o.db.Exec(ctx, "add_integration", `
		INSERT INTO integrations (id, thing_id, sink, types, config, ordered, off, made_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		i.ID[:], i.Thing[:], i.Sink, types, string(i.Config), i.Ordered, i.Off, i.MadeAt)
	return err
}

// Integration implements outbox.Store.
func (o *Outbox) Integration(ctx context.Context, id uuid.UUID) (outbox.Integration, error) {
	var row integrationRow
	err := o.db.Read(ctx, "integration", func(q Queryer) error {
		return noIntegration(q.GetContext(ctx, &row,
			`SELECT `+integrationColumns+` FROM integrations WHERE id = ?1`, id[:]))
	})
	if err != nil {
		return outbox.Integration{}, err
	}
	return row.integration(), nil
}

// Integrations implements outbox.Store.
func (o *Outbox) Integrations(
	ctx context.Context, thing uuid.UUID,
) ([]outbox.Integration, error) {
	var rows []integrationRow
	err := o.db.Read(ctx, "integrations", func(q Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+integrationColumns+` FROM integrations
			WHERE thing_id = ?1 ORDER BY made_at, id`, thing[:])
	})
	return integrations(rows), err
}

func integrations(rows []integrationRow) []outbox.Integration {
	all := make([]outbox.Integration, len(rows))
	for i := range rows {
		all[i] = rows[i].integration()
	}
	return all
}

// ChangeIntegration implements outbox.Store.
func (o *Outbox) ChangeIntegration(
	ctx context.Context, id uuid.UUID, change func(*outbox.Integration) error,
) (i outbox.Integration, err error) {
	err = o.db.Write(ctx, "change_integration", func(tx *sqlx.Tx) error {
		var row integrationRow
		err := tx.GetContext(ctx, &row,
			`SELECT `+integrationColumns+` FROM integrations WHERE id = ?1`, id[:])
		if err != nil {
			return noIntegration(err)
		}
		i = row.integration()
		if err := change(&i); err != nil {
			return err
		}
		types, err := typesOf(&i)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE integrations SET types = ?2, config = ?3, off = ?4 WHERE id = ?1`,
			id[:], types, string(i.Config), i.Off)
		return err
	})
	if err != nil {
		return outbox.Integration{}, err
	}
	return i, nil
}

// RemoveIntegration implements outbox.Store.
func (o *Outbox) RemoveIntegration(ctx context.Context, id uuid.UUID) error {
	return o.db.Write(ctx, "remove_integration", func(tx *sqlx.Tx) error {
		var gone uuid.UUID
		err := tx.GetContext(ctx, &gone,
			`DELETE FROM integrations WHERE id = ?1 RETURNING id`, id[:])
		if err != nil {
			return noIntegration(err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM deliveries WHERE integration_id = ?1`, id[:])
		return err
	})
}

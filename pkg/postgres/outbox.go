package postgres

import (
	"context"
	"encoding/json"

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
	var rows []uuid.UUID
	err := tx.SelectContext(ctx, &rows, `SELECT DISTINCT thing_id FROM integrations
		WHERE off = ''
			AND thing_id = ANY($1::uuid[] || '{00000000-0000-0000-0000-000000000000}'::uuid[])`,
		ids(things))
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

// Put writes facts, within the transaction that makes them, for whoever wants them.
func Put(ctx context.Context, tx *sqlx.Tx, facts []outbox.Fact) error {
	n := len(facts)
	if n == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (id, integration_id, sink, fact_id, type, thing_id, source, subject,
			at, data)
		SELECT gen_random_uuid(), i.id, i.sink, u.id, u.type, u.thing_id, u.source, u.subject, u.at,
			u.data
		FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[],
				$7::text[]) WITH ORDINALITY
			AS u (id, type, thing_id, source, subject, at, data, place)
		JOIN integrations i ON i.off = '' AND (cardinality(i.types) = 0 OR u.type = ANY(i.types))
			AND (i.thing_id = u.thing_id OR i.thing_id = '00000000-0000-0000-0000-000000000000')
		ORDER BY u.place, i.id`,
		UUIDArray(n, func(i int) uuid.UUID { return facts[i].ID }),
		TextArray(n, func(i int) string { return facts[i].Type }),
		UUIDArray(n, func(i int) uuid.UUID { return facts[i].Thing }),
		TextArray(n, func(i int) string { return facts[i].Source }),
		TextArray(n, func(i int) string { return facts[i].Subject }),
		Int64Array(n, func(i int) int64 { return facts[i].At }),
		TextArray(n, func(i int) string { return string(facts[i].Data) }))
	return err
}

func ids(all []uuid.UUID) []byte {
	return UUIDArray(len(all), func(i int) uuid.UUID { return all[i] })
}

const integrationColumns = `id, thing_id, sink, types, config, ordered, off, made_at`

type integrationRow struct {
	ID      uuid.UUID `db:"id"`
	Thing   uuid.UUID `db:"thing_id"`
	Sink    string    `db:"sink"`
	Types   Texts     `db:"types"`
	Config  string    `db:"config"`
	Ordered bool      `db:"ordered"`
	Off     string    `db:"off"`
	MadeAt  int64     `db:"made_at"`
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
	if Missing(err) {
		return fault.Errorf(fault.NotFound, "there is no such integration")
	}
	return err
}

func typesOf(i *outbox.Integration) []byte {
	return TextArray(len(i.Types), func(n int) string { return i.Types[n] })
}

// AddIntegration implements outbox.Store.
func (o *Outbox) AddIntegration(ctx context.Context, i outbox.Integration) error {
	_, err := o.db.Exec(ctx, "add_integration", `
		INSERT INTO integrations (id, thing_id, sink, types, config, ordered, off, made_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		i.ID, i.Thing, i.Sink, typesOf(&i), string(i.Config), i.Ordered, i.Off, i.MadeAt)
	return err
}

// Integration implements outbox.Store.
func (o *Outbox) Integration(ctx context.Context, id uuid.UUID) (outbox.Integration, error) {
	var row integrationRow
	err := o.db.Read(ctx, "integration", func(q Queryer) error {
		return noIntegration(q.GetContext(ctx, &row,
			`SELECT `+integrationColumns+` FROM integrations WHERE id = $1`, id))
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
			WHERE thing_id = $1 ORDER BY made_at, id`, thing)
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
			`SELECT `+integrationColumns+` FROM integrations WHERE id = $1 FOR UPDATE`, id)
		if err != nil {
			return noIntegration(err)
		}
		i = row.integration()
		if err := change(&i); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE integrations SET types = $2, config = $3, off = $4 WHERE id = $1`,
			id, typesOf(&i), string(i.Config), i.Off)
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
		err := tx.GetContext(ctx, &gone, `DELETE FROM integrations WHERE id = $1 RETURNING id`, id)
		if err != nil {
			return noIntegration(err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM deliveries WHERE integration_id = $1`, id)
		return err
	})
}

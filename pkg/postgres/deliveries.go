package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/outbox"
)

const deliveryColumns = `d.place, d.id, d.integration_id, d.fact_id, d.type, d.thing_id, d.source,
	d.subject, d.at, d.data, d.state, d.tries, d.due_at, d.error`

type deliveryRow struct {
	Place       int64        `db:"place"`
	ID          uuid.UUID    `db:"id"`
	Integration uuid.UUID    `db:"integration_id"`
	FactID      uuid.UUID    `db:"fact_id"`
	Type        string       `db:"type"`
	Thing       uuid.UUID    `db:"thing_id"`
	Source      string       `db:"source"`
	Subject     string       `db:"subject"`
	At          int64        `db:"at"`
	Data        string       `db:"data"`
	State       outbox.State `db:"state"`
	Tries       int          `db:"tries"`
	DueAt       int64        `db:"due_at"`
	Error       string       `db:"error"`
}

func (r *deliveryRow) delivery() outbox.Delivery {
	return outbox.Delivery{
		ID: r.ID, Integration: r.Integration, Place: r.Place, State: r.State, Tries: r.Tries,
		DueAt: r.DueAt, Error: r.Error,
		Fact: outbox.Fact{
			ID: r.FactID, Type: r.Type, Thing: r.Thing, Source: r.Source, Subject: r.Subject,
			At: r.At, Data: json.RawMessage(r.Data),
		},
	}
}

// Claim implements outbox.Store. Rows that another call has locked are skipped.
func (o *Outbox) Claim(ctx context.Context, c outbox.Claim) (_ []outbox.Job, err error) {
	now := c.Now.UnixMilli()
	var found []integrationRow
	err = o.db.Read(ctx, "due_integrations", func(q Queryer) error {
		return q.SelectContext(ctx, &found, `SELECT `+integrationColumns+` FROM integrations i
			WHERE sink = $1 AND off = '' AND id <> ALL($2::uuid[]) AND EXISTS (
				SELECT FROM deliveries d
				WHERE d.integration_id = i.id AND d.state = 0 AND d.due_at <= $3)
			ORDER BY random() LIMIT $4`, c.Sink, ids(c.Busy), now, c.Jobs)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var rows []deliveryRow
	err = o.db.Write(ctx, "claim_deliveries", func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &rows, `
			UPDATE deliveries d SET tries = d.tries + 1, due_at = $4
			FROM (
				SELECT l.place FROM unnest($1::uuid[], $2::bigint[]) AS u (id, ordered)
				CROSS JOIN LATERAL (
					SELECT c.place FROM deliveries c
					WHERE c.integration_id = u.id AND c.state = 0 AND c.due_at <= $3
						AND (u.ordered = 0 OR NOT EXISTS (
							SELECT FROM deliveries e
							WHERE e.integration_id = c.integration_id AND e.state = 0
								AND e.subject = c.subject AND e.place < c.place))
					ORDER BY c.due_at, c.place LIMIT $5 FOR UPDATE SKIP LOCKED) l) p
			WHERE d.place = p.place RETURNING `+deliveryColumns,
			UUIDArray(len(found), func(i int) uuid.UUID { return found[i].ID }),
			Int64Array(len(found), func(i int) int64 {
				if found[i].Ordered {
					return 1
				}
				return 0
			}), now, c.Now.Add(c.Lease).UnixMilli(), c.Each)
	})
	if err != nil {
		return nil, err
	}
	return outbox.Jobs(integrations(found), deliveries(rows)), nil
}

// deliveries reads rows, and puts them into the order of their places.
func deliveries(rows []deliveryRow) []outbox.Delivery {
	slices.SortFunc(rows, func(a, b deliveryRow) int { return cmp.Compare(a.Place, b.Place) })
	all := make([]outbox.Delivery, len(rows))
	for i := range rows {
		all[i] = rows[i].delivery()
	}
	return all
}

// Settle implements outbox.Store.
func (o *Outbox) Settle(ctx context.Context, results []outbox.Result) error {
	n := len(results)
	_, err := o.db.Exec(ctx, "settle_deliveries", `
		UPDATE deliveries d SET state = u.state, due_at = u.due_at, error = u.error
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
			AS u (id, tries, state, due_at, error)
		WHERE d.id = u.id AND d.tries = u.tries AND d.state = 0`,
		UUIDArray(n, func(i int) uuid.UUID { return results[i].ID }),
		Int64Array(n, func(i int) int64 { return int64(results[i].Tries) }),
		Int64Array(n, func(i int) int64 { return int64(results[i].State) }),
		Int64Array(n, func(i int) int64 { return results[i].DueAt }),
		TextArray(n, func(i int) string { return results[i].Error }))
	return err
}

// Deliveries implements outbox.Store.
func (o *Outbox) Deliveries(
	ctx context.Context, integration uuid.UUID, before int64, limit int,
) ([]outbox.Delivery, error) {
	var rows []deliveryRow
	err := o.db.Read(ctx, "deliveries", func(q Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+deliveryColumns+` FROM deliveries d
			WHERE d.integration_id = $1
				AND d.place < coalesce(nullif($2::bigint, 0), 9223372036854775807)
			ORDER BY d.place DESC LIMIT $3`, integration, before, limit)
	})
	all := deliveries(rows)
	slices.Reverse(all)
	return all, err
}

// Retry implements outbox.Store.
func (o *Outbox) Retry(
	ctx context.Context, integration, id uuid.UUID, now time.Time,
) (int, error) {
	return o.db.Exec(ctx, "retry_deliveries", `
		UPDATE deliveries SET state = 0, tries = 0, due_at = $3
		WHERE integration_id = $1 AND state = 2
			AND ($2 = '00000000-0000-0000-0000-000000000000'::uuid OR id = $2)`,
		integration, id, now.UnixMilli())
}

// Backlog implements outbox.Store.
func (o *Outbox) Backlog(ctx context.Context, sink string) (b outbox.Backlog, err error) {
	err = o.db.Read(ctx, "backlog", func(q Queryer) error {
		return q.GetContext(ctx, &b, `
			SELECT count(*) FILTER (WHERE state = 0) AS pending,
				count(*) FILTER (WHERE state = 2) AS failed,
				coalesce(min(at) FILTER (WHERE state = 0), 0) AS oldest
			FROM deliveries WHERE sink = $1 AND state <> 1`, sink)
	})
	return b, err
}

// Erase implements outbox.Store.
func (o *Outbox) Erase(ctx context.Context, before time.Time, limit int) (int, error) {
	return o.db.Exec(ctx, "erase_deliveries", `
		DELETE FROM deliveries WHERE place IN (
			SELECT place FROM deliveries WHERE state <> 0 AND at < $1 LIMIT $2)`,
		before.UnixMilli(), limit)
}

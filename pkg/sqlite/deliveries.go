package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/outbox"
)

const deliveryColumns = `d.place, d.id, d.integration_id, d.fact_id, d.type, d.thing_id, d.source,
	d.subject, d.at, d.data, d.state, d.tries, d.due_at, d.error`

// returned are the columns where no table has a name of its own.
var returned = strings.ReplaceAll(deliveryColumns, "d.", "")

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

// Claim implements outbox.Store.
func (o *Outbox) Claim(ctx context.Context, c outbox.Claim) (jobs []outbox.Job, err error) {
	now := c.Now.UnixMilli()
	busy, err := Rows(len(c.Busy), func(i int) []any { return []any{Hex(c.Busy[i])} })
	if err != nil {
		return nil, err
	}
	var found []integrationRow
	err = o.db.Read(ctx, "due_integrations", func(q Queryer) error {
		return q.SelectContext(ctx, &found, `SELECT `+integrationColumns+` FROM integrations i
			WHERE sink = ?1 AND off = ''
				AND id NOT IN (SELECT unhex(value->>0) FROM json_each(?2))
				AND EXISTS (SELECT 1 FROM deliveries d
					WHERE d.integration_id = i.id AND d.state = 0 AND d.due_at <= ?3)
			ORDER BY random() LIMIT ?4`, c.Sink, busy, now, c.Jobs)
	})
	if err != nil || len(found) == 0 { // who waits for nothing keeps no writer out
		return nil, err
	}
	err = o.db.Write(ctx, "claim_deliveries", func(tx *sqlx.Tx) error {
		for i := range found {
			var rows []deliveryRow
			err := tx.SelectContext(ctx, &rows, `
				UPDATE deliveries AS d SET tries = d.tries + 1, due_at = ?3
				WHERE d.place IN (
					SELECT c.place FROM deliveries c
					WHERE c.integration_id = ?1 AND c.state = 0 AND c.due_at <= ?2
						AND (?5 = 0 OR NOT EXISTS (
							SELECT 1 FROM deliveries e
							WHERE e.integration_id = c.integration_id AND e.state = 0
								AND e.subject = c.subject AND e.place < c.place))
					ORDER BY c.due_at, c.place LIMIT ?4)
				RETURNING `+returned, found[i].ID[:], now, c.Now.Add(c.Lease).UnixMilli(), c.Each,
				found[i].Ordered)
			if err != nil {
				return err
			}
			jobs = append(jobs, outbox.Jobs(integrations(found[i:i+1]), deliveries(rows))...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return jobs, nil
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
	return o.db.Write(ctx, "settle_deliveries", func(tx *sqlx.Tx) error {
		for _, r := range results {
			_, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = ?3, due_at = ?4, error = ?5
				WHERE id = ?1 AND tries = ?2 AND state = 0`,
				r.ID[:], r.Tries, int64(r.State), r.DueAt, r.Error)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Deliveries implements outbox.Store.
func (o *Outbox) Deliveries(
	ctx context.Context, integration uuid.UUID, before int64, limit int,
) ([]outbox.Delivery, error) {
	var rows []deliveryRow
	err := o.db.Read(ctx, "deliveries", func(q Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+deliveryColumns+` FROM deliveries d
			WHERE d.integration_id = ?1
				AND d.place < coalesce(nullif(?2, 0), 9223372036854775807)
			ORDER BY d.place DESC LIMIT ?3`, integration[:], before, limit)
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
		UPDATE deliveries SET state = 0, tries = 0, due_at = ?3
		WHERE integration_id = ?1 AND state = 2
			AND (?2 = zeroblob(16) OR id = ?2)`,
		integration[:], id[:], now.UnixMilli())
}

// Backlog implements outbox.Store.
func (o *Outbox) Backlog(ctx context.Context, sink string) (b outbox.Backlog, err error) {
	err = o.db.Read(ctx, "backlog", func(q Queryer) error {
		return q.GetContext(ctx, &b, `
			SELECT count(*) FILTER (WHERE state = 0) AS pending,
				count(*) FILTER (WHERE state = 2) AS failed,
				coalesce(min(at) FILTER (WHERE state = 0), 0) AS oldest
			FROM deliveries WHERE sink = ?1 AND state <> 1`, sink)
	})
	return b, err
}

// Erase implements outbox.Store.
func (o *Outbox) Erase(ctx context.Context, before time.Time, limit int) (int, error) {
	return o.db.Exec(ctx, "erase_deliveries", `
		DELETE FROM deliveries WHERE place IN (
			SELECT place FROM deliveries WHERE state <> 0 AND at < ?1 LIMIT ?2)`,
		before.UnixMilli(), limit)
}

package polllite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// Secret implements poll.Store.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) (value []byte, err error) {
	err = s.db.Write(ctx, "secret", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, name,
			fresh); err != nil {
			return err
		}
		return tx.GetContext(ctx, &value, `SELECT value FROM secrets WHERE name = ?`, name)
	})
	return value, err
}

// Grant implements poll.Store.
func (s *Store) Grant(ctx context.Context, id uuid.UUID, n int) (granted int, err error) {
	err = s.db.Write(ctx, "grant", func(tx *sqlx.Tx) error {
		var row struct {
			Most  int `db:"max_voters"`
			Given int `db:"given"`
		}
		err := tx.GetContext(ctx, &row, `
			SELECT p.max_voters, coalesce(g.given, 0) AS given FROM presentations p LEFT JOIN passes g ON g.presentation_id = p.id
			WHERE p.id = ?`, id[:])
		if err != nil {
			return noPresentation(err)
		}
		if granted = n; row.Most > 0 {
			granted = max(min(n, row.Most-row.Given), 0)
		}
		if granted == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO passes (presentation_id, given) VALUES (?, ?) ON CONFLICT DO UPDATE SET given = given + excluded.given`, id[:], granted)
		return err
	})
	if err != nil {
		return 0, err
	}
	return granted, nil
}

package pollpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// Secret implements poll.Store. Of two first calls at once the second waits for the first, and then
// reads what that wrote.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) (value []byte, err error) {
	err = s.db.Write(ctx, "secret", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name,
			fresh); err != nil {
			return err
		}
		return tx.GetContext(ctx, &value, `SELECT value FROM secrets WHERE name = $1`, name)
	})
	return value, err
}

// Grant implements poll.Store. The row of passes is locked first, so what is read of it next is
// what its last writer left.
func (s *Store) Grant(ctx context.Context, id uuid.UUID, n int) (granted int, err error) {
	err = s.db.Write(ctx, "grant", func(tx *sqlx.Tx) error {
		var most int
		err := tx.GetContext(ctx, &most, `SELECT max_voters FROM presentations WHERE id = $1`, id)
		if err != nil {
			return noPresentation(err)
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO passes (presentation_id, given) VALUES ($1, 0) ON CONFLICT DO NOTHING`, id)
		if err != nil {
			return err
		}
		var given int
		if err := tx.GetContext(ctx, &given,
			`SELECT given FROM passes WHERE presentation_id = $1 FOR UPDATE`, id); err != nil {
			return err
		}
		if granted = n; most > 0 {
			granted = max(min(n, most-given), 0)
		}
		if granted == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE passes SET given = given + $2 WHERE presentation_id = $1`, id, granted)
		return err
	})
	if err != nil {
		return 0, err
	}
	return granted, nil
}

package accountlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

// SetReset implements account.Store.
func (s *Store) SetReset(
	ctx context.Context,
	id uuid.UUID,
	token [32]byte,
	life time.Duration,
) error {
	return s.db.Write(ctx, "set_reset", func(tx *sqlx.Tx) error {
		if _, err := lock(ctx, tx, id); err != nil {
			return err
		}
		if err := endReset(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO account_resets (account_id, token_hash, expires_at)
			VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?))`,
			id[:], token[:], fmt.Sprintf("%+.3f seconds", life.Seconds()))
		return err
	})
}

// Reset implements account.Store. Of many at once, one deletes the row.
func (s *Store) Reset(ctx context.Context, token [32]byte, hash string) (id uuid.UUID, err error) {
	err = s.db.Write(ctx, "reset_password", func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &id, `
			SELECT id FROM accounts
			WHERE id = (SELECT account_id FROM account_resets WHERE token_hash = ?)`, token[:])
		if err == nil {
			err = tx.GetContext(ctx, &id, `
				DELETE FROM account_resets
				WHERE token_hash = ? AND expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
				RETURNING account_id`, token[:])
		}
		if errors.Is(err, sql.ErrNoRows) {
			return fault.Errorf(
				account.BadReset,
				"this link was used, or replaced, or its time is over",
			)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE accounts SET password = ?, epoch = epoch + 1, verified = 1,
				issuer = CASE WHEN verified THEN issuer END,
				subject = CASE WHEN verified THEN subject END
			WHERE id = ?`, hash, id[:])
		return err
	})
	if err != nil {
		return uuid.Nil, err
	}
	return id, nil
}

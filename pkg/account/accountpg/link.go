package accountpg

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/account"
)

// Link implements account.Store.
func (s *Store) Link(
	ctx context.Context, email string, i account.Identity,
) (a account.Account, err error) {
	err = s.db.Write(ctx, "link_account", func(tx *sqlx.Tx) error {
		var before row
		err := tx.GetContext(ctx, &before,
			`SELECT `+columns+` FROM accounts WHERE email = $1 FOR UPDATE`, email)
		if err != nil {
			return noAccount(err)
		}
		a = before.account().Linked(i)
		if a.Epoch != before.Epoch {
			if err := endReset(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE accounts SET password = $2, epoch = $3, verified = $4, issuer = $5, subject = $6
			WHERE id = $1`,
			a.ID, a.Password, a.Epoch, a.Verified, orNull(i.Issuer), orNull(i.Subject))
		return err
	})
	if err != nil {
		return account.Account{}, err
	}
	return a, nil
}

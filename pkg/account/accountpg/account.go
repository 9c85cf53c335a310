package accountpg

import (
	"context"
	"database/sql"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/postgres"
)

const columns = `id, email, username, password, epoch, verified, issuer, subject`

type row struct {
	ID       uuid.UUID      `db:"id"`
	Email    string         `db:"email"`
	Username string         `db:"username"`
	Password string         `db:"password"`
	Epoch    int64          `db:"epoch"`
	Verified bool           `db:"verified"`
	Issuer   sql.NullString `db:"issuer"`
	Subject  sql.NullString `db:"subject"`
}

func (r row) account() account.Account {
	return account.Account{
		ID: r.ID, Email: r.Email, Username: r.Username, Password: r.Password, Epoch: r.Epoch,
		Verified: r.Verified,
		Identity: account.Identity{Issuer: r.Issuer.String, Subject: r.Subject.String},
	}
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func noAccount(err error) error {
	if postgres.Missing(err) {
		return fault.Errorf(fault.NotFound, "there is no such account")
	}
	return err
}

// taken gives a conflict its name: emails are one's own, as identities are.
func (s *Store) taken(ctx context.Context, err error, id uuid.UUID, email string) error {
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	other, readErr := s.ByEmail(ctx, email)
	if readErr == nil && other.ID != id {
		return fault.Errorf(account.EmailTaken, "another account has this e-mail address")
	}
	return err
}

// Create implements account.Store.
func (s *Store) Create(ctx context.Context, a account.Account) error {
	_, err := s.db.Exec(ctx, "create_account", `
		INSERT INTO accounts (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Email, a.Username, a.Password, a.Epoch, a.Verified,
		orNull(a.Issuer), orNull(a.Subject))
	return s.taken(ctx, err, a.ID, a.Email)
}

// Account implements account.Store.
func (s *Store) Account(ctx context.Context, id uuid.UUID) (account.Account, error) {
	return s.one(ctx, "account", `id = $1`, id)
}

// ByEmail implements account.Store.
func (s *Store) ByEmail(ctx context.Context, email string) (account.Account, error) {
	return s.one(ctx, "account_by_email", `email = $1`, email)
}

// ByIdentity implements account.Store.
func (s *Store) ByIdentity(ctx context.Context, i account.Identity) (account.Account, error) {
	return s.one(ctx, "account_by_identity", `issuer = $1 AND subject = $2`, i.Issuer, i.Subject)
}

func (s *Store) one(ctx context.Context, call, where string, args ...any) (account.Account, error) {
	var r row
	err := s.db.Read(ctx, call, func(q postgres.Queryer) error {
		return noAccount(
			q.GetContext(ctx, &r, `SELECT `+columns+` FROM accounts WHERE `+where, args...),
		)
	})
	if err != nil {
		return account.Account{}, err
	}
	return r.account(), nil
}

// Epochs implements account.Store.
func (s *Store) Epochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	var rows []struct {
		ID    uuid.UUID
		Epoch int64
	}
	err := s.db.Read(ctx, "account_epochs", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows,
			`SELECT id, epoch FROM accounts WHERE id = ANY($1::uuid[])`,
			postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] }))
	})
	epochs := make(map[uuid.UUID]int64, len(rows))
	for _, r := range rows {
		epochs[r.ID] = r.Epoch
	}
	return epochs, err
}

// Rename implements account.Store.
func (s *Store) Rename(ctx context.Context, id uuid.UUID, username, email string) error {
	err := s.db.Write(ctx, "rename_account", func(tx *sqlx.Tx) error {
		before, err := lock(ctx, tx, id)
		if err == nil && before.Email != email {
			err = endReset(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE accounts SET username = $2, email = $3, verified = verified AND email = $3
			WHERE id = $1`, id, username, email)
		return err
	})
	return s.taken(ctx, err, id, email)
}

// lock locks an account and then reads it. Whoever writes a reset has locked its account before.
func lock(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (r row, err error) {
	err = tx.GetContext(ctx, &r, `SELECT `+columns+` FROM accounts WHERE id = $1 FOR UPDATE`, id)
	return r, noAccount(err)
}

func endReset(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM account_resets WHERE account_id = $1`, id)
	return err
}

// SetPassword implements account.Store.
func (s *Store) SetPassword(
	ctx context.Context,
	id uuid.UUID,
	old, hash string,
) (epoch int64, err error) {
	err = s.db.Write(ctx, "set_password", func(tx *sqlx.Tx) error {
		present, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if present.Password != old {
			return fault.Errorf(fault.Stale, "the account has another password meanwhile")
		}
		if err := endReset(ctx, tx, id); err != nil {
			return err
		}
		return tx.GetContext(ctx, &epoch, `
			UPDATE accounts SET password = $2, epoch = epoch + 1 WHERE id = $1
			RETURNING epoch`, id, hash)
	})
	return epoch, err
}

// Raise implements account.Store.
func (s *Store) Raise(ctx context.Context, id uuid.UUID) error {
	return s.atOne(ctx, "end_sessions", `UPDATE accounts SET epoch = epoch + 1 WHERE id = $1`, id)
}

// Delete implements account.Store. A reset goes with its account.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.atOne(ctx, "delete_account", `DELETE FROM accounts WHERE id = $1`, id)
}

// atOne runs a statement that writes an account.
func (s *Store) atOne(ctx context.Context, call, statement string, args ...any) error {
	n, err := s.db.Exec(ctx, call, statement, args...)
	if err == nil && n == 0 {
		return noAccount(sql.ErrNoRows)
	}
	return err
}

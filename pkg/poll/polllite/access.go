package polllite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const accessColumns = `p.token_hash, p.remote_hash, p.account_id`

// accessRow is what a presentation's tokens hash to.
type accessRow struct {
	TokenHash  []byte `db:"token_hash"`
	RemoteHash []byte `db:"remote_hash"` // nil: there is no such token

	Account uuid.NullUUID `db:"account_id"`
}

func (r accessRow) access() (a access.Tokens) {
	copy(a.TokenHash[:], r.TokenHash)
	copy(a.RemoteHash[:], r.RemoteHash)
	a.Account = r.Account.UUID
	return a
}

// remoteHash gives what is written of a remote's token.
func remoteHash(a access.Tokens) []byte {
	if a.RemoteHash == [32]byte{} {
		return nil
	}
	return a.RemoteHash[:]
}

// accountID gives what is written of a thing's account.
func accountID(a access.Tokens) []byte { return linked(a.Account) }

// linked gives what is written of the id of something that another feature has; Nil: none.
func linked(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}

// Owned implements poll.Store.
func (s *Store) Owned(ctx context.Context, account, before uuid.UUID, limit int) (
	owned []poll.Owned, err error,
) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	err = s.db.Read(ctx, "owned", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &owned, `
			SELECT id, title, join_code FROM presentations
			WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?`, account[:], before[:], limit)
	})
	return owned, err
}

// Access implements poll.Store.
func (s *Store) Access(ctx context.Context, id uuid.UUID) (access.Tokens, error) {
	var row accessRow
	err := s.db.Read(ctx, "access", func(q sqlite.Queryer) error {
		return noPresentation(q.GetContext(ctx, &row, `SELECT `+accessColumns+
			` FROM presentations p WHERE p.id = ?`, id[:]))
	})
	if err != nil {
		return access.Tokens{}, err
	}
	return row.access(), nil
}

// SetAccess implements poll.Store.
func (s *Store) SetAccess(ctx context.Context, id uuid.UUID, presenter [32]byte,
	a access.Tokens) error {
	return s.db.Write(ctx, "set_access", func(tx *sqlx.Tx) error {
		var row accessRow
		err := tx.GetContext(ctx, &row,
			`SELECT `+accessColumns+` FROM presentations p WHERE p.id = ?`, id[:])
		if err != nil {
			return noPresentation(err)
		}
		if row.access().TokenHash != presenter {
			return fault.Errorf(fault.Stale, "the presentation has another token meanwhile")
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE presentations
			SET token_hash = ?, remote_hash = ?, account_id = ?, edits = edits + 1
			WHERE id = ?`, a.TokenHash[:], remoteHash(a), accountID(a), id[:])
		return err
	})
}

// SetJoinCode implements poll.Store.
func (s *Store) SetJoinCode(ctx context.Context, id uuid.UUID, code string) error {
	return s.updateOne(ctx, "set_join_code",
		`UPDATE presentations SET join_code = ?, edits = edits + 1 WHERE id = ?`, code, id[:])
}

// updateOne changes a presentation in one statement.
func (s *Store) updateOne(ctx context.Context, call, statement string, args ...any) error {
	n, err := s.db.Exec(ctx, call, statement, args...)
	if err == nil && n == 0 {
		return fault.Errorf(fault.NotFound, "there is no such presentation")
	}
	return err
}

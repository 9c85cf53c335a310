package chatlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Create implements chat.Store.
func (s *Store) Create(ctx context.Context, a chat.Application) error {
	_, err := s.db.Exec(ctx, "create_application", `
		INSERT INTO chat_apps
			(id, token_hash, epoch, partition, name, account_id, subject, reactions)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		a.ID[:], hashed(a.TokenHash), a.Epoch, a.Partition, a.Name, optional(a.Account),
		optional(a.Subject), a.Reactions)
	return err
}

// Application implements chat.Store.
func (s *Store) Application(ctx context.Context, id uuid.UUID) (chat.Application, error) {
	return s.app(ctx, "application", `id = ?1`, id[:])
}

// Find implements chat.Store.
func (s *Store) Find(ctx context.Context, tokenHash [32]byte) (chat.Application, error) {
	return s.app(ctx, "find_application", `token_hash = ?1`, tokenHash[:])
}

// Of implements chat.Store.
func (s *Store) Of(ctx context.Context, subject uuid.UUID) (chat.Application, error) {
	return s.app(ctx, "application_of", `subject = ?1`, subject[:])
}

func (s *Store) app(
	ctx context.Context, call, where string, arg []byte,
) (a chat.Application, err error) {
	err = s.db.Read(ctx, call, func(q sqlite.Queryer) error {
		var row appRow
		err := q.GetContext(ctx, &row,
			`SELECT `+appColumns+` FROM chat_apps WHERE `+where, arg)
		a = row.app()
		return missing("application", err)
	})
	return a, err
}

// Owned implements chat.Store.
func (s *Store) Owned(
	ctx context.Context, account, before uuid.UUID, limit int,
) ([]chat.Application, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	var rows []appRow
	err := s.db.Read(ctx, "owned_applications", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+appColumns+` FROM chat_apps
			WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`,
			account[:], before[:], limit)
	})
	all := make([]chat.Application, len(rows))
	for i := range rows {
		all[i] = rows[i].app()
	}
	return all, err
}

// Edit implements chat.Store.
func (s *Store) Edit(
	ctx context.Context, id uuid.UUID, change func(*chat.Application) error,
) (a chat.Application, err error) {
	err = s.db.Write(ctx, "edit_application", func(tx *sqlx.Tx) error {
		var row appRow
		err := tx.GetContext(ctx, &row,
			`SELECT `+appColumns+` FROM chat_apps WHERE id = ?1`, id[:])
		if err != nil {
			return missing("application", err)
		}
		a = row.app()
		if err := change(&a); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE chat_apps
			SET token_hash = ?2, epoch = ?3, name = ?4, reactions = ?5 WHERE id = ?1`,
			id[:], hashed(a.TokenHash), a.Epoch, a.Name, a.Reactions)
		return err
	})
	if err != nil {
		return chat.Application{}, err
	}
	return a, nil
}

// Delete implements chat.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Write(ctx, "delete_application", func(tx *sqlx.Tx) error {
		var gone uuid.UUID
		err := tx.GetContext(ctx, &gone, `DELETE FROM chat_apps WHERE id = ?1 RETURNING id`, id[:])
		if err != nil {
			return missing("application", err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM chat_reactions WHERE app_id = ?1`, id[:])
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO chat_gone (app_id) VALUES (?1)`, id[:])
		return err
	})
}

// ofApp finds a chat, or chats, of an application that is there.
const ofApp = `SELECT ` + chatColumns + ` FROM chats
	WHERE app_id = ?1 AND EXISTS (SELECT 1 FROM chat_apps a WHERE a.id = ?1) AND `

// Chat implements chat.Store. The chats of an application that was deleted are gone.
func (s *Store) Chat(ctx context.Context, p chat.Place) (c chat.Chat, err error) {
	err = s.db.Read(ctx, "chat", func(q sqlite.Queryer) error {
		var row chatRow
		err := q.GetContext(ctx, &row, ofApp+`number = ?2`, p.App[:], p.Number)
		c = row.chat()
		return missing("chat", err)
	})
	return c, err
}

// Chats implements chat.Store.
func (s *Store) Chats(
	ctx context.Context, app uuid.UUID, after int64, limit int,
) ([]chat.Chat, error) {
	var rows []chatRow
	err := s.db.Read(ctx, "chats", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows,
			ofApp+`number > ?2 ORDER BY number LIMIT ?3`, app[:], after, limit)
	})
	all := make([]chat.Chat, len(rows))
	for i := range rows {
		all[i] = rows[i].chat()
	}
	return all, err
}

// Adjust implements chat.Store.
func (s *Store) Adjust(
	ctx context.Context, p chat.Place, change func(*chat.Chat) error,
) (c chat.Chat, err error) {
	err = s.db.Write(ctx, "adjust_chat", func(tx *sqlx.Tx) error {
		var row chatRow
		err := tx.GetContext(ctx, &row, ofApp+`number = ?2`, p.App[:], p.Number)
		if err != nil {
			return missing("chat", err)
		}
		c = row.chat()
		if err := change(&c); err != nil {
			return err
		}
		c.Revision++
		_, err = tx.ExecContext(ctx, `UPDATE chats
			SET title = ?2, moderated = ?3, closed = ?4, revision = ?5 WHERE id = ?1`,
			c.ID[:], c.Title, c.Moderated, c.Closed, c.Revision)
		return err
	})
	if err != nil {
		return chat.Chat{}, err
	}
	return c, nil
}

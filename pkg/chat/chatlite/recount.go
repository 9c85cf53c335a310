package chatlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// given are how many votes a message m has by their rows.
const given = `(
	SELECT count(*) FROM chat_votes v WHERE v.chat_id = m.chat_id AND v.number = m.number)`

// numbers give the numbers of things t that are kept, and those that the rows say.
var numbers = map[chat.Thing]string{
	chat.Apps: `
		SELECT t.id, json_array(t.chats, t.chats) AS kept, (
			SELECT json_array(coalesce(max(c.number), 0), count(*))
			FROM chats c WHERE c.app_id = t.id) AS found
		FROM chat_apps t WHERE true`,
	chat.Chats: `
		SELECT t.id, json_array(t.last, t.last, t.messages, t.shown, (
				SELECT coalesce(sum(m.votes), 0)
				FROM chat_messages m WHERE m.chat_id = t.id), 0) AS kept,
			(SELECT json_array(coalesce(max(m.number), 0), count(*),
				count(*) FILTER (WHERE m.state <> 4), count(*) FILTER (WHERE m.state = 2),
				coalesce(sum(` + given + `), 0),
				count(*) FILTER (WHERE m.votes <> ` + given + `))
			FROM chat_messages m WHERE m.chat_id = t.id) AS found
		FROM chats t WHERE EXISTS (SELECT 1 FROM chat_apps a WHERE a.id = t.app_id)`,
}

type numbersRow struct {
	ID    uuid.UUID          `db:"id"`
	Kept  sqlite.List[int64] `db:"kept"`
	Found sqlite.List[int64] `db:"found"`
}

func (r *numbersRow) numbers() chat.Numbers { return chat.Numbers{Kept: r.Kept, Rows: r.Found} }

// Differing implements chat.Store. One statement sees the numbers and the rows of one moment.
func (s *Store) Differing(
	ctx context.Context, of chat.Thing, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []numbersRow
	err = s.db.Read(ctx, "differing_chats", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows,
			numbers[of]+` AND t.id > ?1 ORDER BY t.id LIMIT ?2`, after[:], limit)
	})
	for i := range rows {
		last = rows[i].ID
		if rows[i].numbers().Differ() {
			differing = append(differing, last)
		}
	}
	return len(rows), last, differing, err
}

// Recount implements chat.Store.
func (s *Store) Recount(
	ctx context.Context, of chat.Thing, id uuid.UUID, repair bool,
) (n chat.Numbers, err error) {
	err = s.db.Write(ctx, "recount_chats", func(tx *sqlx.Tx) error {
		var row numbersRow
		if err := tx.GetContext(ctx, &row, numbers[of]+` AND t.id = ?1`, id[:]); err != nil {
			return missing("chat", err)
		}
		n = row.numbers()
		switch {
		case !repair || !n.Differ():
			return nil
		case of == chat.Apps:
			_, err := tx.ExecContext(ctx,
				`UPDATE chat_apps SET chats = max(chats, ?2) WHERE id = ?1`, id[:], n.Rows[0])
			return err
		}
		return mendChat(ctx, tx, id, n.Rows)
	})
	return n, err
}

func mendChat(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, rows []int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE chats SET last = max(last, ?2), messages = ?3,
		shown = ?4, revision = revision + 1 WHERE id = ?1`, id[:], rows[0], rows[2], rows[3])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE chat_messages AS m
		SET votes = `+given+`, changed = (SELECT revision FROM chats WHERE id = ?1)
		WHERE m.chat_id = ?1 AND m.votes <> `+given, id[:])
	return err
}

// left are the chats of applications that were deleted.
const left = `SELECT c.id FROM chat_gone g CROSS JOIN chats c ON c.app_id = g.app_id`

// Erase implements chat.Store. What it finds it takes out of the index first.
func (s *Store) Erase(ctx context.Context, limit int) (n int, err error) {
	places := `SELECT place FROM chat_messages WHERE chat_id IN (` + left + `)
		ORDER BY chat_id, number LIMIT ?1`
	for _, queries := range [][]string{
		{
			`INSERT INTO chat_words (chat_words, rowid, words)
				SELECT 'delete', place, words FROM chat_messages WHERE place IN (` + places + `)`,
			`DELETE FROM chat_messages WHERE place IN (` + places + `)`,
		},
		{erasure("chat_versions", "chat_id, number, edit")},
		{erasure("chat_votes", "chat_id, number, person")},
		{erasure("chat_markers", "chat_id, member")},
		{`DELETE FROM chats WHERE id IN (
			SELECT c.id FROM chats c WHERE c.id IN (` + left + `)
				AND NOT EXISTS (SELECT 1 FROM chat_messages m WHERE m.chat_id = c.id)
				AND NOT EXISTS (SELECT 1 FROM chat_versions v WHERE v.chat_id = c.id)
				AND NOT EXISTS (SELECT 1 FROM chat_votes v WHERE v.chat_id = c.id)
				AND NOT EXISTS (SELECT 1 FROM chat_markers r WHERE r.chat_id = c.id) LIMIT ?1)`},
		{`DELETE FROM chat_gone WHERE app_id IN (
			SELECT g.app_id FROM chat_gone g
			WHERE NOT EXISTS (SELECT 1 FROM chats c WHERE c.app_id = g.app_id) LIMIT ?1)`},
	} {
		deleted, err := s.erase(ctx, queries, limit)
		if err != nil {
			return n, err
		}
		n += deleted
	}
	return n, nil
}

func erasure(table, key string) string {
	return `DELETE FROM ` + table + ` WHERE (` + key + `) IN (
		SELECT ` + key + ` FROM ` + table + ` WHERE chat_id IN (` + left + `) LIMIT ?1)`
}

// erase runs statements in one transaction, and gives how many rows the last one deleted.
func (s *Store) erase(ctx context.Context, queries []string, limit int) (n int, err error) {
	err = s.db.Write(ctx, "erase_chats", func(tx *sqlx.Tx) error {
		for _, query := range queries {
			result, err := tx.ExecContext(ctx, query, limit)
			if err != nil {
				return err
			}
			deleted, err := result.RowsAffected()
			if err != nil {
				return err
			}
			n = int(deleted)
		}
		return nil
	})
	return n, err
}

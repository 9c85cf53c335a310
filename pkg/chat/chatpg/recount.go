package chatpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// given are the votes of a chat c's messages by the rows of them.
const given = `(SELECT number, count(*) AS n FROM chat_votes WHERE chat_id = c.id GROUP BY number)`

// numbers give the numbers of things that are kept, and those that the rows say.
var numbers = map[chat.Thing]string{
	chat.Apps: `
		SELECT a.id, ARRAY[a.chats, a.chats] AS kept, r.found FROM chat_apps a CROSS JOIN LATERAL (
			SELECT ARRAY[coalesce(max(c.number), 0), count(*)] AS found
			FROM chats c WHERE c.app_id = a.id) r`,
	chat.Chats: `
		SELECT c.id, ARRAY[c.last, c.last, c.messages, c.shown, r.said, 0] AS kept, r.found
		FROM chats c JOIN chat_apps a ON a.id = c.app_id CROSS JOIN LATERAL (
			SELECT coalesce(sum(m.votes), 0)::bigint AS said,
				ARRAY[coalesce(max(m.number), 0), count(*), count(*) FILTER (WHERE m.state <> 4),
					count(*) FILTER (WHERE m.state = 2), coalesce(sum(v.n), 0)::bigint,
					count(*) FILTER (WHERE m.votes <> coalesce(v.n, 0))] AS found
			FROM chat_messages m LEFT JOIN ` + given + ` v ON v.number = m.number
			WHERE m.chat_id = c.id) r`,
}

type numbersRow struct {
	ID    uuid.UUID       `db:"id"`
	Kept  postgres.Int64s `db:"kept"`
	Found postgres.Int64s `db:"found"`
}

func (r *numbersRow) numbers() chat.Numbers { return chat.Numbers{Kept: r.Kept, Rows: r.Found} }

// Differing implements chat.Store. One statement sees the numbers and the rows of one moment.
func (s *Store) Differing(
	ctx context.Context, of chat.Thing, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	var rows []numbersRow
	err = s.db.Read(ctx, "differing_chats", func(q postgres.Queryer) error {
		table := map[chat.Thing]string{chat.Apps: "a", chat.Chats: "c"}[of]
		return q.SelectContext(ctx, &rows, numbers[of]+`
			WHERE `+table+`.id > $1 ORDER BY `+table+`.id LIMIT $2`, after, limit)
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
		table, alias, mend := "chat_apps", "a", mendApp
		if of == chat.Chats {
			table, alias, mend = "chats", "c", mendChat
		}
		var found uuid.UUID
		err := tx.GetContext(ctx, &found,
			`SELECT id FROM `+table+` WHERE id = $1 FOR UPDATE`, id)
		if err != nil {
			return missing("chat", err)
		}
		var row numbersRow
		err = tx.GetContext(ctx, &row, numbers[of]+` WHERE `+alias+`.id = $1`, id)
		if err != nil {
			return missing("chat", err)
		}
		if n = row.numbers(); repair && n.Differ() {
			return mend(ctx, tx, id, n.Rows)
		}
		return nil
	})
	return n, err
}

func mendApp(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, rows []int64) error {
	_, err := tx.ExecContext(ctx,
		`UPDATE chat_apps SET chats = greatest(chats, $2) WHERE id = $1`, id, rows[0])
	return err
}

func mendChat(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, rows []int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE chats SET last = greatest(last, $2), messages = $3,
		shown = $4, revision = revision + 1 WHERE id = $1`, id, rows[0], rows[2], rows[3])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE chat_messages m SET votes = r.n, changed = r.revision FROM (
			SELECT m.number, coalesce(v.n, 0) AS n, c.revision FROM chats c
			JOIN chat_messages m ON m.chat_id = c.id
			CROSS JOIN LATERAL (SELECT count(*) AS n FROM chat_votes v
				WHERE v.chat_id = c.id AND v.number = m.number) v
			WHERE c.id = $1) r
		WHERE m.chat_id = $1 AND m.number = r.number AND m.votes <> r.n`, id)
	return err
}

// left are the chats of applications that were deleted.
const left = `chat_gone g JOIN chats c ON c.app_id = g.app_id`

// erasures delete what deleted applications have left, in an order in which each finds its chat.
var erasures = []string{
	erasure("chat_messages"), erasure("chat_words"), erasure("chat_versions"),
	erasure("chat_votes"), erasure("chat_markers"),
	`DELETE FROM chats WHERE id IN (
		SELECT c.id FROM ` + left + `
		WHERE NOT EXISTS (SELECT FROM chat_messages WHERE chat_id = c.id)
			AND NOT EXISTS (SELECT FROM chat_words WHERE chat_id = c.id)
			AND NOT EXISTS (SELECT FROM chat_versions WHERE chat_id = c.id)
			AND NOT EXISTS (SELECT FROM chat_votes WHERE chat_id = c.id)
			AND NOT EXISTS (SELECT FROM chat_markers WHERE chat_id = c.id) LIMIT $1)`,
	`DELETE FROM chat_gone WHERE app_id IN (
		SELECT app_id FROM chat_gone g
		WHERE NOT EXISTS (SELECT FROM chats c WHERE c.app_id = g.app_id) LIMIT $1)`,
}

func erasure(table string) string {
	return `DELETE FROM ` + table + ` WHERE ctid = ANY(ARRAY(
		SELECT t.ctid FROM ` + left + ` JOIN ` + table + ` t ON t.chat_id = c.id LIMIT $1))`
}

// Erase implements chat.Store.
func (s *Store) Erase(ctx context.Context, limit int) (n int, err error) {
	for _, query := range erasures {
		deleted, err := s.db.Exec(ctx, "erase_chats", query, limit)
		if err != nil {
			return n, err
		}
		n += deleted
	}
	return n, nil
}

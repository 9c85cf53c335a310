package chatlite

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// write writes one row, and fails where it wrote none or more: the numbers would be wrong.
func write(ctx context.Context, tx *sqlx.Tx, what, query string, args ...any) error {
	result, err := tx.ExecContext(ctx, query, args...)
	return sqlite.Exactly(1, what, result, err)
}

// settle writes what numbering changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *chat.Settled, partition int) error {
	for _, f := range []func(context.Context, *sqlx.Tx, *chat.Settled) error{
		writeChats, writePosted, writeChanged, writeRewritten, writeVersions, writeVotes,
		writeReactions,
	} {
		if err := f(ctx, tx, s); err != nil {
			return err
		}
	}
	for _, id := range s.IDs {
		err := write(ctx, tx, "ids of items",
			`INSERT INTO batches (id, partition) VALUES (?1, ?2)`, id[:], partition)
		if err != nil {
			return err
		}
	}
	return nil
}

func writeChats(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, a := range s.Apps {
		err := write(ctx, tx, "applications",
			`UPDATE chat_apps SET chats = ?2 WHERE id = ?1`, a.ID[:], a.Chats)
		if err != nil {
			return err
		}
	}
	for _, c := range s.Made {
		err := write(ctx, tx, "new chats", `
			INSERT INTO chats
				(id, app_id, number, kind, at, title, moderated, last, messages, shown, revision)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
			c.ID[:], c.App[:], c.Number, c.Kind, c.At, c.Title, c.Moderated, c.Last, c.Messages,
			c.Counts.Shown, c.Revision)
		if err != nil {
			return err
		}
	}
	for _, c := range s.Chats {
		err := write(ctx, tx, "chats", `UPDATE chats
			SET last = ?2, messages = ?3, shown = ?4, revision = ?5 WHERE id = ?1`,
			c.ID[:], c.Last, c.Messages, c.Counts.Shown, c.Revision)
		if err != nil {
			return err
		}
	}
	return nil
}

func writePosted(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, m := range s.Posted {
		words := m.Words()
		result, err := tx.ExecContext(ctx, `
			INSERT INTO chat_messages (chat_id, number, id, person, author, body, words, at, edits,
				edited_at, state, question, pinned, answered, votes, changed)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
			m.Chat[:], m.Number, m.ID[:], m.Person[:], m.Author, m.Body, words, m.At, m.Edits,
			m.EditedAt, m.State, m.Question, m.Pinned, m.Answered, m.Votes, m.Changed)
		if err := sqlite.Exactly(1, "new messages", result, err); err != nil {
			return err
		}
		place, err := result.LastInsertId()
		if err == nil {
			err = index(ctx, tx, place, words)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// index has parts of words found.
func index(ctx context.Context, tx *sqlx.Tx, place int64, words string) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO chat_words (rowid, words) VALUES (?1, ?2)`, place, words)
	return err
}

// unindex has them found no more.
func unindex(ctx context.Context, tx *sqlx.Tx, place int64, words string) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO chat_words (chat_words, rowid, words) VALUES ('delete', ?1, ?2)`, place, words)
	return err
}

// writeChanged writes all but texts.
func writeChanged(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, m := range s.Changed {
		err := write(ctx, tx, "changed messages", `UPDATE chat_messages
			SET state = ?2, pinned = ?3, answered = ?4, votes = ?5, changed = ?6 WHERE id = ?1`,
			m.ID[:], m.State, m.Pinned, m.Answered, m.Votes, m.Changed)
		if err != nil {
			return err
		}
	}
	return nil
}

// writeRewritten writes texts.
func writeRewritten(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, m := range s.Rewritten {
		var old struct {
			Place int64  `db:"place"`
			Words string `db:"words"`
		}
		err := tx.GetContext(ctx, &old,
			`SELECT place, words FROM chat_messages WHERE id = ?1`, m.ID[:])
		if err != nil {
			return err
		}
		if err := unindex(ctx, tx, old.Place, old.Words); err != nil {
			return err
		}
		words := m.Words()
		err = write(ctx, tx, "rewritten messages", `UPDATE chat_messages
			SET person = ?2, author = ?3, body = ?4, words = ?5, edits = ?6, edited_at = ?7
			WHERE place = ?1`, old.Place, m.Person[:], m.Author, m.Body, words, m.Edits,
			m.EditedAt)
		if err != nil {
			return err
		}
		if err := index(ctx, tx, old.Place, words); err != nil {
			return err
		}
	}
	return nil
}

// writeVersions also deletes what there was of messages that go.
func writeVersions(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, v := range s.Versions {
		err := write(ctx, tx, "versions", `
			INSERT INTO chat_versions (chat_id, number, edit, body, at)
			VALUES (?1, ?2, ?3, ?4, ?5)`, v.Chat[:], v.Number, v.Edit, v.Body, v.At)
		if err != nil {
			return err
		}
	}
	for _, m := range s.Erased {
		for _, table := range []string{"chat_versions", "chat_votes"} {
			_, err := tx.ExecContext(ctx,
				`DELETE FROM `+table+` WHERE chat_id = ?1 AND number = ?2`, m.Chat[:], m.Number)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func writeVotes(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, v := range s.Upvotes {
		err := write(ctx, tx, "votes", `
			INSERT INTO chat_votes (chat_id, number, person) VALUES (?1, ?2, ?3)`,
			v.Chat[:], v.Number, v.Person[:])
		if err != nil {
			return err
		}
	}
	for _, v := range s.Unvotes {
		err := write(ctx, tx, "votes that go", `
			DELETE FROM chat_votes WHERE chat_id = ?1 AND number = ?2 AND person = ?3`,
			v.Chat[:], v.Number, v.Person[:])
		if err != nil {
			return err
		}
	}
	return nil
}

// writeReactions adds to the counts of slides.
func writeReactions(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, r := range s.Reactions {
		err := write(ctx, tx, "reactions", `
			INSERT INTO chat_reactions AS r (app_id, slide, counts) VALUES (?1, ?2, ?3)
			ON CONFLICT (app_id, slide) DO UPDATE SET counts = (
				SELECT json_group_array(n) FROM (
					SELECT a.value + b.value AS n FROM json_each(r.counts) a
					JOIN json_each(excluded.counts) b ON b.key = a.key ORDER BY a.key))`,
			r.App[:], r.Slide[:], list(r.Reactions[:]))
		if err != nil {
			return err
		}
	}
	return nil
}

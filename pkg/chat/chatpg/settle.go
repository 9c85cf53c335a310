package chatpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/postgres"
)

func writeApps(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	return write(ctx, tx, len(s.Apps), "applications", `
		UPDATE chat_apps a SET chats = u.chats
		FROM unnest($1::uuid[], $2::bigint[]) AS u (id, chats) WHERE a.id = u.id`,
		idsOf(s.Apps, func(a chat.Counted) uuid.UUID { return a.ID }),
		numbersOf(s.Apps, func(a chat.Counted) int64 { return a.Chats }))
}

func writeMade(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	return write(ctx, tx, len(s.Made), "new chats", `
		INSERT INTO chats
			(id, app_id, number, kind, at, title, moderated, last, messages, shown, revision)
		SELECT id, app_id, number, kind, at, title, moderated <> 0, last, messages, shown, revision
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::text[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
		AS u (id, app_id, number, kind, at, title, moderated, last, messages, shown, revision)`,
		idsOf(s.Made, func(c chat.Chat) uuid.UUID { return c.ID }),
		idsOf(s.Made, func(c chat.Chat) uuid.UUID { return c.App }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.Number }),
		textsOf(s.Made, func(c chat.Chat) string { return string(c.Kind) }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.At }),
		textsOf(s.Made, func(c chat.Chat) string { return c.Title }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return flag(c.Moderated) }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.Last }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.Messages }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.Counts.Shown }),
		numbersOf(s.Made, func(c chat.Chat) int64 { return c.Revision }))
}

func writeChats(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	return write(ctx, tx, len(s.Chats), "chats", `
		UPDATE chats c
		SET last = u.last, messages = u.messages, shown = u.shown, revision = u.revision
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
			AS u (id, last, messages, shown, revision)
		WHERE c.id = u.id`,
		idsOf(s.Chats, func(c chat.Chat) uuid.UUID { return c.ID }),
		numbersOf(s.Chats, func(c chat.Chat) int64 { return c.Last }),
		numbersOf(s.Chats, func(c chat.Chat) int64 { return c.Messages }),
		numbersOf(s.Chats, func(c chat.Chat) int64 { return c.Counts.Shown }),
		numbersOf(s.Chats, func(c chat.Chat) int64 { return c.Revision }))
}

// writeVersions also deletes what there was of messages that go.
func writeVersions(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	err := write(ctx, tx, len(s.Versions), "versions", `
		INSERT INTO chat_versions (chat_id, number, edit, body, at)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])`,
		idsOf(s.Versions, func(v chat.Edited) uuid.UUID { return v.Chat }),
		numbersOf(s.Versions, func(v chat.Edited) int64 { return v.Number }),
		numbersOf(s.Versions, func(v chat.Edited) int64 { return int64(v.Edit) }),
		textsOf(s.Versions, func(v chat.Edited) string { return v.Body }),
		numbersOf(s.Versions, func(v chat.Edited) int64 { return v.At }))
	if err != nil || len(s.Erased) == 0 {
		return err
	}
	for _, table := range []string{"chat_versions", "chat_votes"} {
		_, err := tx.ExecContext(ctx, `DELETE FROM `+table+` t
			USING unnest($1::uuid[], $2::bigint[]) AS u (chat_id, number)
			WHERE t.chat_id = u.chat_id AND t.number = u.number`, numbered(s.Erased)...)
		if err != nil {
			return err
		}
	}
	return nil
}

func writeVotes(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	err := write(ctx, tx, len(s.Upvotes), "votes", `
		INSERT INTO chat_votes (chat_id, number, person)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[])`, voteArgs(s.Upvotes)...)
	if err != nil {
		return err
	}
	return write(ctx, tx, len(s.Unvotes), "votes that go", `
		DELETE FROM chat_votes v
		USING unnest($1::uuid[], $2::bigint[], $3::uuid[]) AS u (chat_id, number, person)
		WHERE v.chat_id = u.chat_id AND v.number = u.number AND v.person = u.person`,
		voteArgs(s.Unvotes)...)
}

func voteArgs(all []chat.Counting) []any {
	return []any{
		idsOf(all, func(v chat.Counting) uuid.UUID { return v.Chat }),
		numbersOf(all, func(v chat.Counting) int64 { return v.Number }),
		idsOf(all, func(v chat.Counting) uuid.UUID { return v.Person }),
	}
}

// writeReactions adds to the counts of slides. There are few slides at a time.
func writeReactions(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	for _, r := range s.Reactions {
		err := write(ctx, tx, 1, "reactions", `
			INSERT INTO chat_reactions AS r (app_id, slide, counts) VALUES ($1, $2, $3)
			ON CONFLICT (app_id, slide) DO UPDATE SET counts = ARRAY(
				SELECT a + b FROM unnest(r.counts, excluded.counts)
					WITH ORDINALITY AS u (a, b, place) ORDER BY place)`,
			r.App, r.Slide, postgres.Int64Array(len(r.Reactions), func(i int) int64 {
				return r.Reactions[i]
			}))
		if err != nil {
			return err
		}
	}
	return nil
}

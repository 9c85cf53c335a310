package chatpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
)

// numbered are the parameters that name messages, which are the first ones.
func numbered(all []chat.Message) []any {
	return []any{
		idsOf(all, func(m chat.Message) uuid.UUID { return m.Chat }),
		numbersOf(all, func(m chat.Message) int64 { return m.Number }),
	}
}

func writePosted(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	type msg = chat.Message
	all, n := s.Posted, len(s.Posted)
	if n == 0 {
		return nil
	}
	err := write(ctx, tx, n, "new messages", `
		INSERT INTO chat_messages (chat_id, number, id, person, author, body, at, edits, edited_at,
			state, question, pinned, answered, votes, changed)
		SELECT chat_id, number, id, person, author, body, at, edits, edited_at, state,
			question <> 0, pinned <> 0, answered <> 0, votes, 0
		FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
			$13::bigint[], $14::bigint[])
		AS u (chat_id, number, id, person, author, body, at, edits, edited_at, state, question,
			pinned, answered, votes)`,
		append(numbered(all),
			idsOf(all, func(m msg) uuid.UUID { return m.ID }),
			idsOf(all, func(m msg) uuid.UUID { return m.Person }),
			textsOf(all, func(m msg) string { return m.Author }),
			textsOf(all, func(m msg) string { return m.Body }),
			numbersOf(all, func(m msg) int64 { return m.At }),
			numbersOf(all, func(m msg) int64 { return int64(m.Edits) }),
			numbersOf(all, func(m msg) int64 { return m.EditedAt }),
			numbersOf(all, func(m msg) int64 { return int64(m.State) }),
			numbersOf(all, func(m msg) int64 { return flag(m.Question) }),
			numbersOf(all, func(m msg) int64 { return flag(m.Pinned) }),
			numbersOf(all, func(m msg) int64 { return flag(m.Answered) }),
			numbersOf(all, func(m msg) int64 { return m.Votes }))...)
	if err != nil {
		return err
	}
	return write(ctx, tx, n, "words of new messages", `
		INSERT INTO chat_words (chat_id, number, state, words)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[])`,
		append(numbered(all),
			numbersOf(all, func(m msg) int64 { return int64(m.State) }),
			textsOf(all, func(m msg) string { return m.Words() }))...)
}

// writeChanged writes all but texts. The words' row is written where the state is another one.
func writeChanged(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	type msg = chat.Message
	all, n := s.Changed, len(s.Changed)
	if n == 0 {
		return nil
	}
	states := numbersOf(all, func(m msg) int64 { return int64(m.State) })
	err := write(ctx, tx, n, "changed messages", `
		UPDATE chat_messages m SET state = u.state, pinned = u.pinned <> 0,
			answered = u.answered <> 0, votes = u.votes, changed = u.changed
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
			$6::bigint[], $7::bigint[])
		AS u (chat_id, number, state, pinned, answered, votes, changed)
		WHERE m.chat_id = u.chat_id AND m.number = u.number`,
		append(numbered(all), states,
			numbersOf(all, func(m msg) int64 { return flag(m.Pinned) }),
			numbersOf(all, func(m msg) int64 { return flag(m.Answered) }),
			numbersOf(all, func(m msg) int64 { return m.Votes }),
			numbersOf(all, func(m msg) int64 { return m.Changed }))...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE chat_words w SET state = u.state
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u (chat_id, number, state)
		WHERE w.chat_id = u.chat_id AND w.number = u.number AND w.state <> u.state`,
		append(numbered(all), states)...)
	return err
}

// writeRewritten writes texts.
func writeRewritten(ctx context.Context, tx *sqlx.Tx, s *chat.Settled) error {
	type msg = chat.Message
	all, n := s.Rewritten, len(s.Rewritten)
	if n == 0 {
		return nil
	}
	err := write(ctx, tx, n, "rewritten messages", `
		UPDATE chat_messages m SET person = u.person, author = u.author, body = u.body,
			edits = u.edits, edited_at = u.edited_at
		FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::bigint[],
			$7::bigint[])
		AS u (chat_id, number, person, author, body, edits, edited_at)
		WHERE m.chat_id = u.chat_id AND m.number = u.number`,
		append(numbered(all),
			idsOf(all, func(m msg) uuid.UUID { return m.Person }),
			textsOf(all, func(m msg) string { return m.Author }),
			textsOf(all, func(m msg) string { return m.Body }),
			numbersOf(all, func(m msg) int64 { return int64(m.Edits) }),
			numbersOf(all, func(m msg) int64 { return m.EditedAt }))...)
	if err != nil {
		return err
	}
	return write(ctx, tx, n, "words of rewritten messages", `
		UPDATE chat_words w SET words = u.words
		FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS u (chat_id, number, words)
		WHERE w.chat_id = u.chat_id AND w.number = u.number`,
		append(numbered(all), textsOf(all, func(m msg) string { return m.Words() }))...)
}

package chatlite

import (
	"context"
	"math"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// looked is at how many messages a call looks at most. Numbers have no gap: so many messages are as
// many numbers.
const looked = 10_000

// seen are the messages that a reader sees. Those that wait have an index of their own.
var seen = map[chat.Sees]string{
	chat.Public: `m.state IN (2, 4)`, chat.Everything: `true`, chat.ToModerate: `m.state = 1`,
}

const selectMessages = `SELECT ` + messageColumns + `
	FROM chat_messages m WHERE m.chat_id = ?1 AND `

// Message implements chat.Store.
func (s *Store) Message(
	ctx context.Context, id uuid.UUID, number int64,
) (m chat.Message, err error) {
	err = s.db.Read(ctx, "message", func(q sqlite.Queryer) error {
		var row messageRow
		err := q.GetContext(ctx, &row, selectMessages+`m.number = ?2`, id[:], number)
		m = chat.Message(row)
		return missing("message", err)
	})
	return m, err
}

// Numbered implements chat.Store.
func (s *Store) Numbered(
	ctx context.Context, app, id uuid.UUID,
) (number, message int64, err error) {
	var row struct {
		Chat    int64 `db:"chat"`
		Message int64 `db:"message"`
	}
	err = s.db.Read(ctx, "numbered", func(q sqlite.Queryer) error {
		return missing("message", q.GetContext(ctx, &row, `
			SELECT number AS chat, 0 AS message FROM chats WHERE id = ?2 AND app_id = ?1
			UNION ALL
			SELECT c.number, m.number FROM chat_messages m CROSS JOIN chats c ON c.id = m.chat_id
			WHERE m.id = ?2 AND c.app_id = ?1`, app[:], id[:]))
	})
	return row.Chat, row.Message, err
}

// Messages implements chat.Store.
func (s *Store) Messages(
	ctx context.Context, r chat.Range,
) (all []chat.Message, rest int64, err error) {
	low, high, order := r.After, r.After+looked, "ASC"
	if r.Before > 0 {
		low, high, order = max(r.After, r.Before-1-looked), r.Before-1, "DESC"
	}
	if r.Sees == chat.ToModerate { // of which there is nothing else to look at
		low, high = r.After, math.MaxInt64
		if r.Before > 0 {
			high = r.Before - 1
		}
	}
	err = s.db.Read(ctx, "messages", func(q sqlite.Queryer) error {
		var rows []messageRow
		err := q.SelectContext(ctx, &rows, selectMessages+`m.number > ?2 AND m.number <= ?3
			AND `+seen[r.Sees]+` ORDER BY m.number `+order+` LIMIT ?4`,
			r.Chat[:], low, high, r.Limit+1)
		if err != nil {
			return err
		}
		all, rest = messages(rows), 0
		switch {
		case len(all) > r.Limit:
			all = all[:r.Limit]
			rest = all[r.Limit-1].Number
		case r.Sees != chat.Public:
		case r.Before > 0 && low > r.After:
			rest = low + 1
		case r.Before == 0:
			last, err := lastOf(ctx, q, r.Chat)
			if err == nil && last > high {
				rest = high
			}
			return err
		}
		return nil
	})
	return all, rest, err
}

// lastOf gives the last number of a chat; 0: there is none.
func lastOf(ctx context.Context, q sqlite.Queryer, id uuid.UUID) (last int64, err error) {
	err = q.GetContext(ctx, &last,
		`SELECT coalesce((SELECT last FROM chats WHERE id = ?1), 0)`, id[:])
	return last, err
}

// Ranked implements chat.Store.
func (s *Store) Ranked(ctx context.Context, r chat.Ranking) (all []chat.Message, err error) {
	after := chat.Rank{Pinned: true, Votes: math.MaxInt64}
	if r.After != nil {
		after = *r.After
	}
	err = s.db.Read(ctx, "ranked_questions", func(q sqlite.Queryer) error {
		var rows []messageRow
		err := q.SelectContext(ctx, &rows, selectMessages+`m.answered = ?2
			AND question AND state = 2 AND (NOT pinned, -votes, number) > (?3, ?4, ?5)
			ORDER BY NOT pinned, -votes, number LIMIT ?6`,
			r.Chat[:], r.Answered, !after.Pinned, -after.Votes, after.Number, r.Limit)
		all = messages(rows)
		return err
	})
	return all, err
}

// Changed implements chat.Store.
func (s *Store) Changed(
	ctx context.Context, id uuid.UUID, revision int64, limit int,
) (all []chat.Message, err error) {
	err = s.db.Read(ctx, "changed_messages", func(q sqlite.Queryer) error {
		var rows []messageRow
		err := q.SelectContext(ctx, &rows, selectMessages+`m.changed > ?2 AND m.changed > 0
			ORDER BY m.changed, m.number LIMIT ?3`, id[:], revision, limit)
		all = messages(rows)
		return err
	})
	return all, err
}

// Versions implements chat.Store.
func (s *Store) Versions(
	ctx context.Context, id uuid.UUID, number int64,
) (all []chat.Version, err error) {
	err = s.db.Read(ctx, "versions", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &all, `SELECT edit, body, at FROM chat_versions
			WHERE chat_id = ?1 AND number = ?2 ORDER BY edit`, id[:], number)
	})
	return all, err
}

// Upvoted implements chat.Store.
func (s *Store) Upvoted(
	ctx context.Context, id, person uuid.UUID, numbers []int64,
) (map[int64]bool, error) {
	var found []int64
	err := s.db.Read(ctx, "upvoted", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &found, `SELECT v.number
			FROM json_each(?2) u CROSS JOIN chat_votes v
				ON v.chat_id = ?1 AND v.number = u.value AND v.person = ?3`,
			id[:], list(numbers), person[:])
	})
	voted := make(map[int64]bool, len(found))
	for _, n := range found {
		voted[n] = true
	}
	return voted, err
}

// Read implements chat.Store.
func (s *Store) Read(ctx context.Context, id, member uuid.UUID, number int64) error {
	_, err := s.db.Exec(ctx, "read_marker", `
		INSERT INTO chat_markers (chat_id, member, number)
		SELECT id, ?2, min(?3, last) FROM chats WHERE id = ?1
		ON CONFLICT (chat_id, member) DO UPDATE SET number = excluded.number
		WHERE number < excluded.number`, id[:], member[:], number)
	return err
}

// Unread implements chat.Store.
func (s *Store) Unread(
	ctx context.Context, id, member uuid.UUID, limit int,
) (marker int64, unread int, err error) {
	err = s.db.Read(ctx, "unread", func(q sqlite.Queryer) error {
		err := q.GetContext(ctx, &marker, `SELECT coalesce((
			SELECT number FROM chat_markers WHERE chat_id = ?1 AND member = ?2), 0)`,
			id[:], member[:])
		if err != nil {
			return err
		}
		return q.GetContext(ctx, &unread, `SELECT count(*) FROM (
			SELECT 1 FROM chat_messages
			WHERE chat_id = ?1 AND number > ?2 AND number <= ?3 AND state = 2 LIMIT ?4) m`,
			id[:], marker, marker+looked, limit)
	})
	return marker, unread, err
}

// Reactions implements chat.Store.
func (s *Store) Reactions(
	ctx context.Context, app uuid.UUID, slides []uuid.UUID,
) (map[uuid.UUID]chat.Reactions, error) {
	arg, err := hexed(slides)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Slide  uuid.UUID          `db:"slide"`
		Counts sqlite.List[int64] `db:"counts"`
	}
	err = s.db.Read(ctx, "reactions", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT r.slide, r.counts
			FROM json_each(?2) u CROSS JOIN chat_reactions r
				ON r.app_id = ?1 AND r.slide = unhex(u.value->>0)`, app[:], arg)
	})
	all := make(map[uuid.UUID]chat.Reactions, len(rows))
	for _, r := range rows {
		var counts chat.Reactions
		copy(counts[:], r.Counts)
		all[r.Slide] = counts
	}
	return all, err
}

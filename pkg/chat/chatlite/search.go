package chatlite

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// newest is among how many messages a text is looked for without the index: where it is frequent,
// a page is there already.
const newest = 2000

// Search implements chat.Store. It looks at the newest messages first, and then asks the index for
// what is older. Where the text is too short for the index it looks at some more.
func (s *Store) Search(
	ctx context.Context, l chat.Look,
) (found []chat.Message, rest int64, err error) {
	states := `m.state = 2`
	if l.Sees == chat.Everything {
		states = `m.state <> 4`
	}
	most := int64(looked)
	indexed := utf8.RuneCountInString(l.Search) >= 3
	if indexed {
		most = newest
	}
	err = s.db.Read(ctx, "search_messages", func(q sqlite.Queryer) error {
		before := l.Before
		if before == 0 {
			last, err := lastOf(ctx, q, l.Chat)
			if err != nil {
				return err
			}
			before = last + 1
		}
		low := max(1, before-most)
		var rows []messageRow
		err := q.SelectContext(ctx, &rows, selectMessages+states+`
			AND m.number >= ?2 AND m.number < ?3 AND instr(m.words, ?4) > 0
			ORDER BY m.number DESC LIMIT ?5`, l.Chat[:], low, before, l.Search, l.Limit+1)
		if err == nil && len(rows) <= l.Limit && indexed && low > 1 {
			var older []messageRow
			older, err = ask(ctx, q, l, states, low, l.Limit+1-len(rows))
			rows, low = append(rows, older...), 1
		}
		found, rest = messages(rows), 0
		if len(found) > l.Limit {
			found = found[:l.Limit]
			rest = found[l.Limit-1].Number
		} else if low > 1 {
			rest = low
		}
		return err
	})
	return found, rest, err
}

// ask asks the index for messages below a number.
func ask(
	ctx context.Context, q sqlite.Queryer, l chat.Look, states string, below int64, limit int,
) (rows []messageRow, err error) {
	phrase := `"` + strings.ReplaceAll(l.Search, `"`, `""`) + `"`
	err = q.SelectContext(ctx, &rows, `SELECT `+messageColumns+`
		FROM chat_words f CROSS JOIN chat_messages m ON m.place = f.rowid
		WHERE f.chat_words MATCH ?1 AND m.chat_id = ?2 AND m.number < ?3
			AND instr(m.words, ?4) > 0 AND `+states+`
		ORDER BY m.number DESC LIMIT ?5`, phrase, l.Chat[:], below, l.Search, limit)
	return rows, err
}

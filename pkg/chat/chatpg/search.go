package chatpg

import (
	"context"
	"strings"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// newest is among how many messages a text is looked for without the index: where it is frequent,
// a page is there already.
const newest = 2000

// escaped takes a text for what it is in a pattern.
var escaped = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Search implements chat.Store. It looks at the newest messages first, and then asks the index for
// what is older. Where the index knows nothing of the text it looks at some more.
func (s *Store) Search(
	ctx context.Context, l chat.Look,
) (found []chat.Message, rest int64, err error) {
	err = s.db.Read(ctx, "search_messages", func(q postgres.Queryer) error {
		looking := search{q: q, Look: l, states: []int64{int64(chat.Shown)}}
		if l.Sees == chat.Everything {
			looking.states = append(looking.states, int64(chat.Waiting), int64(chat.Hidden))
		}
		err := looking.run(ctx)
		found, rest = messages(looking.found), looking.rest
		return err
	})
	return found, rest, err
}

// search is one that is under way. Before is what it has looked at all messages from.
type search struct {
	q postgres.Queryer
	chat.Look
	states []int64
	found  []messageRow
	rest   int64
}

func (s *search) run(ctx context.Context) error {
	if s.Before == 0 {
		last, err := lastOf(ctx, s.q, s.Chat)
		if err != nil {
			return err
		}
		s.Before = last + 1
	}
	if done, err := s.scan(ctx, newest); done || err != nil {
		return err
	}
	indexed, err := s.ask(ctx)
	if err == nil && !indexed {
		_, err = s.scan(ctx, looked-newest)
	}
	return err
}

// scan looks at so many messages, and says whether there is nothing left to find.
func (s *search) scan(ctx context.Context, most int64) (done bool, err error) {
	low := max(1, s.Before-most)
	var rows []messageRow
	err = s.q.SelectContext(ctx, &rows, `SELECT `+messageColumns+` FROM chat_messages
		WHERE chat_id = $1 AND number = ANY(ARRAY(
			SELECT number FROM chat_words
			WHERE chat_id = $1 AND number >= $2 AND number < $3 AND strpos(words, $4) > 0
				AND state = ANY($5::bigint[]) ORDER BY number DESC LIMIT $6))
		ORDER BY number DESC`,
		s.Chat, low, s.Before, s.Search, numbersOf(s.states, same), s.Limit-len(s.found)+1)
	if err != nil || s.add(rows) {
		return true, err
	}
	if s.Before = low; low > 1 {
		s.rest = low
	} else {
		s.rest = 0
	}
	return low == 1, nil
}

// ask asks the index, and says whether it knows of the text.
func (s *search) ask(ctx context.Context) (indexed bool, err error) {
	var answer struct {
		Numbers postgres.Int64s
		Indexed bool
	}
	err = s.q.GetContext(ctx, &answer, `SELECT * FROM chats_found_1($1, $2, $3, $4, $5, $6)`,
		s.Chat, s.Before, "%"+escaped.Replace(s.Search)+"%", numbersOf(s.states, same),
		s.Limit-len(s.found)+1, s.Search)
	if err != nil || !answer.Indexed {
		return false, err
	}
	var rows []messageRow
	err = s.q.SelectContext(ctx, &rows, `SELECT `+messageColumns+` FROM chat_messages
		WHERE chat_id = $1 AND number = ANY($2::bigint[]) ORDER BY number DESC`,
		s.Chat, numbersOf(answer.Numbers, same))
	if err == nil && !s.add(rows) {
		s.rest = 0
	}
	return true, err
}

// add adds what was found, and says whether there is more than is wanted.
func (s *search) add(rows []messageRow) (more bool) {
	if s.found = append(s.found, rows...); len(s.found) <= s.Limit {
		return false
	}
	s.found = s.found[:s.Limit]
	s.rest = s.found[s.Limit-1].Number
	return true
}

func same(n int64) int64 { return n }

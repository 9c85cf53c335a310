package sqlite

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
)

// shownWords reads the first ?3 words of the poll ?1 that are not hidden, in the order of the kind of the poll q. A count below zero, which
// nobody sees, is left where a newer Unicode folds a text otherwise than when it was counted.
var shownWords = `CASE q.kind WHEN 'open_text' THEN ` + firstWords(poll.NewestFirst) + ` ELSE ` + firstWords(poll.MostFirst) + ` END AS words`

func firstWords(order poll.Order) string {
	in := inOrder[order]
	return `(SELECT json_group_array(json_object('Word', word, 'Text', text, 'Count', count, 'First', lower(hex(first)))) FROM (
		SELECT ` + wordColumns + ` FROM ` + in.from + ` AND w.poll_id = ?1 AND NOT w.hidden ` + in.order + ` LIMIT ?3))`
}

type wordsRow struct {
	Words      list[poll.WordCount] `db:"words"`
	WordsTotal int                  `db:"words_total"`
}

func (r *wordsRow) words() []poll.WordCount {
	if len(r.Words) == 0 {
		return nil
	}
	return r.Words
}

// keepOldest has a row keep the oldest vote that anybody knows of.
func keepOldest(table string) string {
	const unknown = `x'00000000000000000000000000000000'`
	return strings.ReplaceAll(`first = CASE WHEN row.first = `+unknown+` OR excluded.first <> `+unknown+` AND excluded.first < row.first
		THEN excluded.first ELSE row.first END`, "row", table)
}

var givenWords, wordWidth = given("poll_id id", "word text", "moved number", "first id")

var addWords = givenWords + `
	INSERT INTO words (poll_id, word, count, first) SELECT poll_id, word, moved, first FROM given WHERE true
	ON CONFLICT (poll_id, word) DO UPDATE SET count = words.count + excluded.count, ` + keepOldest("words")

var givenSpellings, spellingWidth = given("poll_id id", "word text", "spelling text", "moved number", "first id")

var addSpellings = givenSpellings + `
	INSERT INTO spellings (poll_id, word, spelling, count, first) SELECT poll_id, word, spelling, moved, first FROM given WHERE true
	ON CONFLICT (poll_id, word, spelling) DO UPDATE SET count = spellings.count + excluded.count, ` + keepOldest("spellings")

// forgetSpellings forgets those of the given ones that nobody writes any more.
var forgetSpellings = givenSpellings + `
	DELETE FROM spellings WHERE count = 0 AND (poll_id, word, spelling) IN (SELECT poll_id, word, spelling FROM given)`

// moveWords writes the changes of words and of how they are written. It says nothing to the database where there are none, as in
// every poll of another kind.
func moveWords(ctx context.Context, tx *sqlx.Tx, words []poll.WordChange) error {
	moved, spelled := 0, 0
	given, spellings := newSet(len(words), wordWidth), newSet(len(words), spellingWidth)
	lost := newSet(0, spellingWidth)
	for i := range words {
		w := &words[i]
		if w.By != 0 {
			given.id(w.PollID)
			given.text(w.Word)
			given.number(w.By)
			given.id(w.First)
			moved++
		}
		for j := range w.Spellings {
			spellings.spelling(w, &w.Spellings[j])
			spelled++
			if w.Spellings[j].By < 0 {
				lost.spelling(w, &w.Spellings[j])
			}
		}
	}
	if moved > 0 {
		result, err := tx.ExecContext(ctx, addWords, given.rows, given.texts)
		if err := exactly(moved, "words", result, err); err != nil {
			return err
		}
	}
	if spelled > 0 {
		result, err := tx.ExecContext(ctx, addSpellings, spellings.rows, spellings.texts)
		if err := exactly(spelled, "spellings", result, err); err != nil {
			return err
		}
	}
	if len(lost.rows) > 0 {
		if _, err := tx.ExecContext(ctx, forgetSpellings, lost.rows, lost.texts); err != nil {
			return err
		}
	}
	polls := poll.LostWords(words)
	if len(polls) == 0 {
		return nil
	}
	arg, err := rows(len(polls), func(i int) []any { return []any{hexOf(polls[i])} })
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		DELETE FROM words INDEXED BY words_ranked WHERE count = 0 AND NOT hidden AND poll_id IN (SELECT unhex(value->>0) FROM json_each(?))`, arg)
	return err
}

// spelling adds a row of givenSpellings.
func (s *set) spelling(w *poll.WordChange, c *poll.SpellingChange) {
	s.id(w.PollID)
	s.text(w.Word)
	s.text(c.Spelling)
	s.number(c.By)
	s.id(c.First)
}

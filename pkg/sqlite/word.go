package sqlite

import (
	"context"

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

var givenWords, wordWidth = given("poll_id id", "word text", "moved number")

var addWords = givenWords + `
	INSERT INTO words (poll_id, word, count) SELECT poll_id, word, moved FROM given WHERE true
	ON CONFLICT (poll_id, word) DO UPDATE SET count = words.count + excluded.count`

// moveWords writes the changes of words. It says nothing to the database where there are none, as in every poll of another
// kind.
func moveWords(ctx context.Context, tx *sqlx.Tx, words []poll.WordChange) error {
	if len(words) == 0 {
		return nil
	}
	given := newSet(len(words), wordWidth)
	for i := range words {
		given.id(words[i].PollID)
		given.text(words[i].Word)
		given.number(words[i].By)
	}
	result, err := tx.ExecContext(ctx, addWords, given.rows, given.texts)
	if err := exactly(len(words), "words", result, err); err != nil {
		return err
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

package polllite

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// shownWords reads the first ?3 words of the poll ?1 that are not hidden, in the order of the kind
// of the poll q. A count below zero, which nobody sees, is left where a newer Unicode folds a text
// otherwise than when it was counted.
var shownWords = `CASE q.kind WHEN 'open_text' THEN ` + firstWords(question.NewestFirst) +
	` ELSE ` + firstWords(question.MostFirst) + ` END AS words`

func firstWords(order question.Order) string {
	in := inOrder[order]
	return `(SELECT json_group_array(json_object('Word', word, 'Text', text, 'Count', count, 'First', lower(hex(first)))) FROM (
		SELECT ` + wordColumns + ` FROM ` + in.from + ` AND w.poll_id = ?1 AND NOT w.hidden ` + in.order + ` LIMIT ?3))`
}

type wordsRow struct {
	Words      sqlite.List[question.WordCount] `db:"words"`
	WordsTotal int                             `db:"words_total"`
}

func (r *wordsRow) words() []question.WordCount {
	if len(r.Words) == 0 {
		return nil
	}
	return r.Words
}

// keepOldest has a row keep the oldest vote that anybody knows of.
func keepOldest(table string) string {
	const unknown = `x'00000000000000000000000000000000'`
	return strings.ReplaceAll(`first = CASE WHEN row.first = `+unknown+` OR excluded.first <> `+
		unknown+` AND excluded.first < row.first
		THEN excluded.first ELSE row.first END`, "row", table)
}

var givenWords, wordWidth = sqlite.Given("poll_id id", "word text", "moved number", "first id")

var addWords = givenWords + `
	INSERT INTO words (poll_id, word, count, first) SELECT poll_id, word, moved, first FROM given WHERE true
	ON CONFLICT (poll_id, word) DO UPDATE SET count = words.count + excluded.count, ` + keepOldest("words")

var givenSpellings, spellingWidth = sqlite.Given("poll_id id", "word text", "spelling text",
	"moved number", "first id")

var addSpellings = givenSpellings + `
	INSERT INTO spellings (poll_id, word, spelling, count, first) SELECT poll_id, word, spelling, moved, first FROM given WHERE true
	ON CONFLICT (poll_id, word, spelling) DO UPDATE SET count = spellings.count + excluded.count, ` + keepOldest("spellings")

// forgetSpellings forgets those of the given ones that nobody writes any more.
var forgetSpellings = givenSpellings + `
	DELETE FROM spellings WHERE count = 0 AND (poll_id, word, spelling) IN (SELECT poll_id, word, spelling FROM given)`

// moveWords writes the changes of words and of how they are written. It says nothing to the
// database where there are none, as in every poll of another kind.
func moveWords(ctx context.Context, tx *sqlx.Tx, words []poll.WordChange) error {
	moved, spelled := 0, 0
	given, spellings := sqlite.NewSet(len(words), wordWidth), sqlite.NewSet(len(words),
		spellingWidth)
	lost := sqlite.NewSet(0, spellingWidth)
	for i := range words {
		w := &words[i]
		if w.By != 0 {
			given.ID(w.PollID)
			given.Text(w.Word)
			given.Number(w.By)
			given.ID(w.First)
			moved++
		}
		for j := range w.Spellings {
			addSpelling(spellings, w, &w.Spellings[j])
			spelled++
			if w.Spellings[j].By < 0 {
				addSpelling(lost, w, &w.Spellings[j])
			}
		}
	}
	if moved > 0 {
		result, err := tx.ExecContext(ctx, addWords, given.Rows, given.Texts)
		if err := sqlite.Exactly(moved, "words", result, err); err != nil {
			return err
		}
	}
	if spelled > 0 {
		result, err := tx.ExecContext(ctx, addSpellings, spellings.Rows, spellings.Texts)
		if err := sqlite.Exactly(spelled, "spellings", result, err); err != nil {
			return err
		}
	}
	if len(lost.Rows) > 0 {
		if _, err := tx.ExecContext(ctx, forgetSpellings, lost.Rows, lost.Texts); err != nil {
			return err
		}
	}
	polls := poll.LostWords(words)
	if len(polls) == 0 {
		return nil
	}
	arg, err := sqlite.Rows(len(polls), func(i int) []any { return []any{sqlite.Hex(polls[i])} })
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		DELETE FROM words INDEXED BY words_ranked WHERE count = 0 AND NOT hidden AND poll_id IN (SELECT unhex(value->>0) FROM json_each(?))`, arg)
	return err
}

// addSpelling adds a row of givenSpellings.
func addSpelling(s *sqlite.Set, w *poll.WordChange, c *question.SpellingMove) {
	s.ID(w.PollID)
	s.Text(w.Word)
	s.Text(c.Spelling)
	s.Number(c.By)
	s.ID(c.First)
}

package postgres

import (
	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/pkg/poll"
)

// shownWords has the first $3 words of the poll q that are not hidden as lists in one order, that of its kind. A count below zero, which
// nobody sees, is left where a newer Unicode folds a text otherwise than when it was counted.
var shownWords = `LATERAL (
	SELECT array_agg(w.word) AS words, array_agg(w.text) AS texts, array_agg(w.count) AS word_counts, array_agg(w.first) AS firsts FROM (
		` + firstWords(`q.kind <> 'open_text'`, poll.MostFirst) + ` UNION ALL ` + firstWords(`q.kind = 'open_text'`, poll.NewestFirst) + `) w) shown`

func firstWords(of string, order poll.Order) string {
	return `(SELECT ` + wordColumns + ` FROM words w WHERE ` + of + ` AND w.poll_id = q.id AND NOT w.hidden
		` + inOrder[order] + ` LIMIT $3)`
}

type wordsRow struct {
	Words      pq.StringArray `db:"words"`
	Texts      pq.StringArray `db:"texts"`
	WordCounts pq.Int64Array  `db:"word_counts"`
	Firsts     uuids          `db:"firsts"`
	WordsTotal int            `db:"words_total"`
}

func (r *wordsRow) words() (words []poll.WordCount) {
	for i, word := range r.Words {
		words = append(words, poll.WordCount{Word: word, Text: r.Texts[i], Count: r.WordCounts[i], First: r.Firsts[i]})
	}
	return words
}

// moveWords writes the changes of words, which are sorted, of polls whose states the transaction has locked.
const moveWords = `
	INSERT INTO words AS w (poll_id, word, count) SELECT * FROM unnest($7, $8, $9)
	ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count`

// forgetWords forgets the words that nobody says any more, of polls where one may have become such.
const forgetWords = `DELETE FROM words WHERE poll_id = ANY($10) AND count = 0 AND NOT hidden`

// wordArrays gives the parameters of both.
func wordArrays(words []poll.WordChange) []any {
	n, lost := len(words), poll.LostWords(words)
	return []any{
		uuidArray(n, func(i int) uuid.UUID { return words[i].PollID }),
		textArray(n, func(i int) string { return words[i].Word }),
		int64Array(n, func(i int) int64 { return words[i].By }),
		uuidArray(len(lost), func(i int) uuid.UUID { return lost[i] }),
	}
}

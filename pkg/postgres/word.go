package postgres

import (
	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/pkg/poll"
)

// topWords reads the first $3 words of the poll $1, as two lists in one order. A count below zero, which nobody sees, is
// left where a newer Unicode folds a text otherwise than when it was counted.
const topWords = `
	ARRAY(SELECT word FROM words w WHERE w.poll_id = $1 AND w.count > 0 ORDER BY w.count DESC, w.word LIMIT $3) AS words,
	ARRAY(SELECT count FROM words w WHERE w.poll_id = $1 AND w.count > 0 ORDER BY w.count DESC, w.word LIMIT $3) AS word_counts`

type wordsRow struct {
	Words      pq.StringArray `db:"words"`
	WordCounts pq.Int64Array  `db:"word_counts"`
}

func (r *wordsRow) words() (words []poll.WordCount) {
	for i, word := range r.Words {
		words = append(words, poll.WordCount{Text: word, Count: r.WordCounts[i]})
	}
	return words
}

// moveWords writes the changes of words, which are sorted, of polls whose states the transaction has locked.
const moveWords = `
	INSERT INTO words AS w (poll_id, word, count) SELECT * FROM unnest($7, $8, $9)
	ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count`

// forgetWords forgets the words that nobody says any more, of polls where one may have become such.
const forgetWords = `DELETE FROM words WHERE poll_id = ANY($10) AND count = 0`

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

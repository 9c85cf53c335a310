package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
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

// moveWords writes the changes of words, which are sorted, of polls whose states the transaction has locked. It says
// nothing to the database where there are none, as in every poll of another kind.
func moveWords(ctx context.Context, tx *sqlx.Tx, words []poll.WordChange) error {
	n := len(words)
	if n == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO words AS w (poll_id, word, count) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])
		ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count`,
		uuidArray(n, func(i int) uuid.UUID { return words[i].PollID }),
		textArray(n, func(i int) string { return words[i].Word }),
		int64Array(n, func(i int) int64 { return words[i].By }))
	if err := exactly(n, "words", result, err); err != nil {
		return err
	}
	polls := poll.LostWords(words)
	if len(polls) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM words WHERE poll_id = ANY($1::uuid[]) AND count = 0`,
		uuidArray(len(polls), func(i int) uuid.UUID { return polls[i] }))
	return err
}

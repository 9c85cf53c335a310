package pollpg

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

// shownWords has the first $3 words of the poll q that are not hidden as lists in one order, that
// of its kind. A count below zero, which nobody sees, is left where a newer Unicode folds a text
// otherwise than when it was counted.
var shownWords = `LATERAL (
	SELECT array_agg(w.word) AS words, array_agg(w.text) AS texts, array_agg(w.count) AS word_counts, array_agg(w.first) AS firsts FROM (
		` + firstWords(`q.kind <> 'open_text'`, question.MostFirst) + ` UNION ALL ` + firstWords(`q.kind = 'open_text'`, question.NewestFirst) + `) w) shown`

func firstWords(of string, order question.Order) string {
	return `(SELECT ` + wordColumns + ` FROM words w WHERE ` + of +
		` AND w.poll_id = q.id AND NOT w.hidden
		` + inOrder[order] + ` LIMIT $3)`
}

type wordsRow struct {
	Words      postgres.Texts  `db:"words"`
	Texts      postgres.Texts  `db:"texts"`
	WordCounts postgres.Int64s `db:"word_counts"`
	Firsts     postgres.UUIDs  `db:"firsts"`
	WordsTotal int             `db:"words_total"`
}

func (r *wordsRow) words() (words []question.WordCount) {
	for i, word := range r.Words {
		words = append(words, question.WordCount{Word: word, Text: r.Texts[i],
			Count: r.WordCounts[i], First: r.Firsts[i]})
	}
	return words
}

// noWords and noMore are what wordArrays gives for polls of other kinds.
var noWords, noMore = arraysOf(nil)

// wordArrays gives the parameters that are changes of words but the last, and then that one and
// those of spellings.
func wordArrays(changes []poll.WordChange) (words, more []any) {
	if len(changes) == 0 {
		return noWords, noMore
	}
	return arraysOf(changes)
}

func arraysOf(changes []poll.WordChange) (words, more []any) {
	n, m := len(changes), 0
	for i := range changes {
		m += len(changes[i].Spellings)
	}
	// of is the one of each spelling
	moved, of := make([]*poll.WordChange, 0, n), make([]*poll.WordChange, 0, m)
	spellings := make([]*question.SpellingMove, 0, m)
	for i := range changes {
		c := &changes[i]
		if c.By != 0 {
			moved = append(moved, c)
		}
		for j := range c.Spellings {
			of, spellings = append(of, c), append(spellings, &c.Spellings[j])
		}
	}
	n, lost := len(moved), poll.LostWords(changes)
	words = []any{
		postgres.UUIDArray(n, func(i int) uuid.UUID { return moved[i].PollID }),
		postgres.TextArray(n, func(i int) string { return moved[i].Word }),
		postgres.Int64Array(n, func(i int) int64 { return moved[i].By }),
		postgres.UUIDArray(len(lost), func(i int) uuid.UUID { return lost[i] }),
	}
	return words, []any{
		postgres.UUIDArray(n, func(i int) uuid.UUID { return moved[i].First }),
		postgres.UUIDArray(m, func(i int) uuid.UUID { return of[i].PollID }),
		postgres.TextArray(m, func(i int) string { return of[i].Word }),
		postgres.TextArray(m, func(i int) string { return spellings[i].Spelling }),
		postgres.Int64Array(m, func(i int) int64 { return spellings[i].By }),
		postgres.UUIDArray(m, func(i int) uuid.UUID { return spellings[i].First }),
	}
}

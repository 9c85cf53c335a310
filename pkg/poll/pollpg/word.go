package postgres

import (
	"strings"

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
var moveWords = `
	INSERT INTO words AS w (poll_id, word, count, first) SELECT * FROM unnest($7, $8, $9, $18)
	ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count, ` + keepOldest("w")

// keepOldest has a row keep the oldest vote that anybody knows of.
func keepOldest(row string) string {
	return strings.ReplaceAll(`first =
		CASE WHEN row.first = '`+uuid.Nil.String()+`' OR excluded.first <> '`+uuid.Nil.String()+`' AND excluded.first < row.first
		THEN excluded.first ELSE row.first END`, "row", row)
}

// forgetWords forgets the words that nobody says any more and that are not hidden, of polls where one may have become such.
const forgetWords = `DELETE FROM words WHERE poll_id = ANY($10) AND count = 0 AND NOT hidden`

// moveSpellings writes the changes of how words are written.
var moveSpellings = `
	INSERT INTO spellings AS s (poll_id, word, spelling, count, first) SELECT * FROM unnest($19, $20, $21, $22, $23)
	ON CONFLICT (poll_id, word, spelling) DO UPDATE SET count = s.count + excluded.count, ` + keepOldest("s")

// forgetSpellings forgets those that nobody writes any more. It finds each by its whole key, and not by the index that knows
// counts: so that is not told.
const forgetSpellings = `
	DELETE FROM spellings WHERE ctid = ANY(ARRAY(
		SELECT s.ctid FROM unnest($19, $20, $21, $22) AS u (poll_id, word, spelling, moved) CROSS JOIN LATERAL (
			SELECT ctid FROM spellings
			WHERE poll_id = u.poll_id AND word = u.word AND spelling = u.spelling AND count + 0 = 0 OFFSET 0) s
		WHERE u.moved < 0))`

// noWords and noMore are what wordArrays gives for polls of other kinds.
var noWords, noMore = arraysOf(nil)

// wordArrays gives the parameters of moveWords and forgetWords but the last, and then that one and those of spellings.
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
	moved, of := make([]*poll.WordChange, 0, n), make([]*poll.WordChange, 0, m) // of is the one of each spelling
	spellings := make([]*poll.SpellingChange, 0, m)
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
		uuidArray(n, func(i int) uuid.UUID { return moved[i].PollID }),
		textArray(n, func(i int) string { return moved[i].Word }),
		int64Array(n, func(i int) int64 { return moved[i].By }),
		uuidArray(len(lost), func(i int) uuid.UUID { return lost[i] }),
	}
	return words, []any{
		uuidArray(n, func(i int) uuid.UUID { return moved[i].First }),
		uuidArray(m, func(i int) uuid.UUID { return of[i].PollID }),
		textArray(m, func(i int) string { return of[i].Word }),
		textArray(m, func(i int) string { return spellings[i].Spelling }),
		int64Array(m, func(i int) int64 { return spellings[i].By }),
		uuidArray(m, func(i int) uuid.UUID { return spellings[i].First }),
	}
}

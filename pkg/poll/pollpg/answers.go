package pollpg

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

// spelled is how most people wrote the word w; of forms that as many wrote, the oldest.
const spelled = `coalesce((
	SELECT s.spelling FROM spellings s WHERE s.poll_id = w.poll_id AND s.word = w.word AND s.count > 0
	ORDER BY s.count DESC, s.first, s.spelling LIMIT 1), w.word) AS text`

const wordColumns = `w.word, ` + spelled + `, w.count, w.first, w.hidden`

type wordRow struct {
	Word   string    `db:"word"`
	Text   string    `db:"text"`
	Count  int64     `db:"count"`
	First  uuid.UUID `db:"first"`
	Hidden bool      `db:"hidden"`
}

// inOrder says of words that somebody says how an index has them, from its first row on. The other
// index knows their counts, too. Where there are few rows, the planner would take that one and
// sort, for as long as a session lasts. So the planner is not told.
var inOrder = map[question.Order]string{
	question.MostFirst:   `AND w.count > 0 ORDER BY w.count DESC, w.first, w.word`,
	question.NewestFirst: `AND w.count + 0 > 0 ORDER BY w.first DESC, w.word`,
}

// stretch is a part of the listing of the words of the poll $1, hidden ones if $2, that one look
// into an index finds.
type stretch struct {
	where string
	args  []any
}

// stretches gives the parts of a listing, one behind the other. The first part has the words that
// are named as often as the one that it begins behind, or as new. Then come the others.
func stretches(l question.Listing) []stretch {
	switch a := l.After; {
	case a == nil:
		return []stretch{{``, nil}}
	case l.Order == question.NewestFirst:
		return []stretch{{`AND w.first = $3 AND w.word > $4`, []any{a.First, a.Word}},
			{`AND w.first < $3`, []any{a.First}}}
	default:
		return []stretch{
			{`AND w.count = $3 AND (w.first, w.word) > ($4::uuid, $5)`,
				[]any{a.Count, a.First, a.Word}},
			{`AND w.count < $3`, []any{a.Count}},
		}
	}
}

// Answers implements poll.Store. All that it reads is of one moment.
func (s *Store) Answers(
	ctx context.Context, presentationID, pollID uuid.UUID, l question.Listing,
	yield func(question.WordCount) error,
) error {
	return s.db.List(ctx, "answers", func(tx *sqlx.Tx) error {
		var row pollRow
		err := tx.GetContext(ctx, &row,
			`SELECT `+pollColumns+` FROM polls q WHERE q.id = $1 AND q.presentation_id = $2`,
			pollID, presentationID)
		if err != nil {
			return noPoll(err)
		}
		q := row.poll()
		listed := l.Sieve(&q.Question)
		each := func(r wordRow) error {
			if w := question.WordCount(r); listed(&w) {
				return yield(w)
			}
			return nil
		}
		for _, part := range stretches(l) {
			err := postgres.Each(ctx, tx, each, `
				SELECT `+wordColumns+` FROM words w
				WHERE w.poll_id = $1 AND ($2 OR NOT w.hidden) `+part.where+` `+inOrder[l.Order],
				append([]any{pollID, l.Hidden}, part.args...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Hide implements poll.Store. It locks the state of the poll, as counting does. What it joins to
// that may be of before an edit for which it had to wait. Then its words are gone with the votes.
func (s *Store) Hide(
	ctx context.Context, presentationID, pollID uuid.UUID, text string, hidden bool,
) (word question.WordCount, edited poll.Edited, err error) {
	err = s.db.Write(ctx, "hide", func(tx *sqlx.Tx) error {
		var row struct {
			pollRow
			stateRow
		}
		err := tx.GetContext(ctx, &row, `
			SELECT `+pollColumns+`, `+stateColumns+` FROM poll_states s JOIN polls q ON q.id = s.poll_id
			WHERE s.poll_id = $1 AND s.presentation_id = $2 FOR UPDATE OF s`, pollID, presentationID)
		if err != nil {
			return noPoll(err)
		}
		q, state := row.poll(), row.state()
		if word, err = readWord(ctx, tx, &q, text); err != nil {
			return err
		}
		changed, err := q.Hide(&word, hidden)
		if err == nil && changed {
			state.Revision++
			err = writeHidden(ctx, tx, poll.PollState{PollID: pollID, State: state}, word)
		}
		edited = poll.Edited{Changed: changed, Poll: &q, State: state}
		return err
	})
	if err != nil {
		return question.WordCount{}, poll.Edited{}, err
	}
	return word, edited, nil
}

// readWord reads the word that a text names.
func readWord(ctx context.Context, tx *sqlx.Tx, q *poll.Poll, text string) (question.WordCount,
	error) {
	forms, err := q.Forms(text)
	if err != nil {
		return question.WordCount{}, err
	}
	var rows []wordRow
	err = tx.SelectContext(ctx, &rows,
		`SELECT `+wordColumns+` FROM words w WHERE w.poll_id = $1 AND w.word = ANY($2::text[])`,
		q.ID, postgres.TextArray(len(forms), func(i int) string { return forms[i] }))
	if err != nil {
		return question.WordCount{}, err
	}
	for _, form := range forms {
		for i := range rows {
			if rows[i].Word == form {
				return question.WordCount(rows[i]), nil
			}
		}
	}
	return question.WordCount{}, question.NoWord()
}

func writeHidden(ctx context.Context, tx *sqlx.Tx, state poll.PollState,
	word question.WordCount) error {
	result, err := tx.ExecContext(ctx,
		`UPDATE words SET hidden = $3 WHERE poll_id = $1 AND word = $2`, state.PollID,
		word.Word, word.Hidden)
	if err := postgres.Exactly(1, "words", result, err); err != nil {
		return err
	}
	return writeStates(ctx, tx, []poll.PollState{state})
}

// total counts the words of the poll q that are not hidden: all, but no more than MaxTotal that
// are not, less the hidden ones. The order and a limit that is no constant have the planner walk
// through an index and stop, instead of reading whatever the poll has.
var total = fmt.Sprintf(`
	(SELECT count(*) FROM (SELECT FROM words w WHERE w.poll_id = q.id %s LIMIT (SELECT %d + %s)) w) - %[3]s AS words_total`,
	inOrder[question.MostFirst], question.MaxTotal,
	`(SELECT count(*) FROM words h WHERE h.poll_id = q.id AND h.count > 0 AND h.hidden)`)

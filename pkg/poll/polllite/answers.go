package polllite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
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

// words has the words w that somebody says, of polls that are named by then, in an order. The
// index named has that order from its first row on.
type words struct{ from, order string }

var inOrder = map[question.Order]words{
	question.MostFirst: {`words w INDEXED BY words_ranked WHERE w.count > 0`,
		`ORDER BY count DESC, first, word`},
	question.NewestFirst: {`words w INDEXED BY words_newest WHERE w.count > 0`,
		`ORDER BY first DESC, word`},
}

// listing reads words of the poll ?1, hidden ones if ?2. Behind a word it reads two stretches,
// each of which one look into an index finds. The first one has the words that are named as often
// as that one, or are as new. The second one has the others.
func listing(l question.Listing) (query string, args []any) {
	in := inOrder[l.Order]
	all := `SELECT ` + wordColumns + ` FROM ` + in.from +
		` AND w.poll_id = ?1 AND (?2 OR NOT w.hidden) `
	var first, then string
	switch a := l.After; {
	case a == nil:
		return all + in.order, nil
	case l.Order == question.NewestFirst:
		first, then, args = `AND w.first = ?3 AND w.word > ?4`, `AND w.first < ?3`,
			[]any{a.First[:], a.Word}
	default:
		first, then, args = `AND w.count = ?5 AND (w.first, w.word) > (?3, ?4)`, `AND w.count < ?5`,
			[]any{a.First[:], a.Word, a.Count}
	}
	return all + first + ` UNION ALL ` + all + then + ` ` + in.order, args
}

// Answers implements poll.Store. As for a votes list, the rows of one statement are of one moment.
func (s *Store) Answers(
	ctx context.Context, presentationID, pollID uuid.UUID, l question.Listing,
	yield func(question.WordCount) error,
) error {
	return s.db.List(ctx, "answers", func(r sqlite.Queryer) error {
		var row pollRow
		err := r.GetContext(ctx, &row, `SELECT `+pollColumns+
			` FROM polls q WHERE q.id = ? AND q.presentation_id = ?`,
			pollID[:], presentationID[:])
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
		query, args := listing(l)
		return sqlite.Each(ctx, r, each, query, append([]any{pollID[:], l.Hidden}, args...)...)
	})
}

// Hide implements poll.Store. There is one writer, so it keeps counting out by being it.
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
			WHERE s.poll_id = ? AND s.presentation_id = ?`, pollID[:], presentationID[:])
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
func readWord(ctx context.Context, tx *sqlx.Tx, q *poll.Poll,
	text string) (word question.WordCount, err error) {
	forms, err := q.Forms(text)
	if err != nil {
		return word, err
	}
	for _, form := range forms {
		var row wordRow
		err = tx.GetContext(ctx, &row,
			`SELECT `+wordColumns+` FROM words w WHERE w.poll_id = ? AND w.word = ?`, q.ID[:], form)
		if !errors.Is(err, sql.ErrNoRows) {
			return question.WordCount(row), err
		}
	}
	return question.WordCount{}, question.NoWord()
}

func writeHidden(ctx context.Context, tx *sqlx.Tx, state poll.PollState,
	word question.WordCount) error {
	result, err := tx.ExecContext(ctx,
		`UPDATE words SET hidden = ? WHERE poll_id = ? AND word = ?`, word.Hidden,
		state.PollID[:], word.Word)
	if err := sqlite.Exactly(1, "words", result, err); err != nil {
		return err
	}
	return updateStates(ctx, tx, []poll.PollState{state})
}

// total counts the words of the poll ?1 that are not hidden: all, but no more than MaxTotal that
// are not, less the hidden ones.
var total = fmt.Sprintf(`
	(SELECT count(*) FROM (SELECT 1 FROM %s AND w.poll_id = ?1 LIMIT %d + %s)) - %[3]s AS words_total`,
	inOrder[question.MostFirst].from, question.MaxTotal,
	`(SELECT count(*) FROM words h INDEXED BY words_hidden WHERE h.poll_id = ?1 AND h.count > 0 `+
		`AND h.hidden)`)

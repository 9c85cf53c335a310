package polllite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// keepFold are the assignments of an UPDATE of poll_states to u that say how their words are
// counted. A state that this fold counted alone stays so; a poll without words or votes is counted
// by it from now on. A poll that is reset loses them in the same transaction.
var keepFold = fmt.Sprintf(`
	fold = CASE WHEN %[2]s THEN %[1]d ELSE poll_states.fold END,
	fold_revision = CASE WHEN %[2]s OR poll_states.fold = %[1]d AND fold_revision = poll_states.revision
		THEN u.revision ELSE fold_revision END`,
	question.PresentFold, `(poll_states.counts <> '[]'
		OR poll_states.status = 'pending' AND fold_revision = poll_states.revision
		OR poll_states.status <> 'pending' AND u.status = 'pending')`)

// settleFolds says of stale states whose words are not to be counted anew that nothing is to be
// done.
var settleFolds = fmt.Sprintf(`
	UPDATE poll_states
	SET fold = CASE WHEN counts = '[]' AND status = 'final' THEN fold ELSE %[1]d END, fold_revision = revision
	WHERE poll_id IN (
		SELECT poll_id FROM poll_states
		WHERE fold_revision <> revision AND (counts <> '[]' OR status = 'final' AND fold <> %[1]d)
		LIMIT ?)`,
	question.PresentFold)

// settledAtOnce is how many states settleFolds looks at.
const settledAtOnce = 500

// Refold implements poll.Store.
func (s *Store) Refold(ctx context.Context) (changed *bus.Change, more bool, err error) {
	err = s.db.Write(ctx, "refold", func(tx *sqlx.Tx) error {
		changed, more = nil, false
		result, err := tx.ExecContext(ctx, settleFolds, settledAtOnce)
		if err != nil {
			return err
		}
		settled, err := result.RowsAffected()
		if err != nil {
			return err
		}
		more = settled > 0
		var a account
		err = tx.GetContext(ctx, &a, `
			SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold, s.fold_revision, `+stateColumns+`
			FROM poll_states s JOIN polls q ON q.id = s.poll_id WHERE s.fold_revision <> s.revision LIMIT 1`)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil || !a.folding().Due(a.Kind, poll.Status(a.Status)) {
			return err
		}
		changed, err = refold(ctx, tx, &a)
		more = true
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return changed, more, nil
}

// account is a poll as counting knows it.
type account struct {
	PresentationID uuid.UUID           `db:"presentation_id"`
	PollID         uuid.UUID           `db:"poll_id"`
	Kind           question.Kind       `db:"kind"`
	OptionKeys     sqlite.List[string] `db:"option_keys"`
	Fold           question.Fold       `db:"fold"`
	FoldRevision   int64               `db:"fold_revision"`
	stateRow
}

func (a *account) folding() poll.Folding {
	return poll.Folding{Fold: a.Fold, Stale: a.FoldRevision != a.Revision}
}

// refold counts the words of a poll anew. If people see another result then, it raises the revision
// and gives the change.
func refold(ctx context.Context, tx *sqlx.Tx, a *account) (changed *bus.Change, err error) {
	r := question.NewRefolding(a.Kind, a.Fold)
	if err := readWords(ctx, tx, a.PollID, r); err != nil {
		return nil, err
	}
	if err := readVotes(ctx, tx, a.PollID, r.Vote); err != nil {
		return nil, err
	}
	words, isNew := r.Words()
	if isNew {
		if err := deleteOf(ctx, tx, a.PollID, wordsOf...); err != nil {
			return nil, err
		}
		if err := writeWords(ctx, tx, a.PollID, words); err != nil {
			return nil, err
		}
		a.Revision++
		changed = &bus.Change{Thing: a.PresentationID, Part: a.PollID, Version: a.Opened,
			Revision: a.Revision}
	}
	a.Fold, a.FoldRevision = question.PresentFold, a.Revision
	result, err := tx.ExecContext(ctx,
		`UPDATE poll_states SET revision = ?1, fold = ?2, fold_revision = ?1 WHERE poll_id = ?3`,
		a.Revision, a.Fold, a.PollID[:])
	return changed, sqlite.Exactly(1, "states", result, err)
}

func readWords(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, r *question.Refolding) error {
	var words []struct {
		Word   string    `db:"word"`
		Count  int64     `db:"count"`
		First  uuid.UUID `db:"first"`
		Hidden bool      `db:"hidden"`
	}
	if err := tx.SelectContext(ctx, &words,
		`SELECT word, count, first, hidden FROM words WHERE poll_id = ?`, id[:]); err != nil {
		return err
	}
	for _, w := range words {
		r.Had(question.CountedWord{Word: w.Word, Count: w.Count, First: w.First, Hidden: w.Hidden})
	}
	var spellings []struct {
		Word     string    `db:"word"`
		Spelling string    `db:"spelling"`
		Count    int64     `db:"count"`
		First    uuid.UUID `db:"first"`
	}
	err := tx.SelectContext(ctx, &spellings,
		`SELECT word, spelling, count, first FROM spellings WHERE poll_id = ?`, id[:])
	for _, s := range spellings {
		r.HadSpelling(s.Word, question.CountedSpelling{Spelling: s.Spelling, Count: s.Count,
			First: s.First})
	}
	return err
}

// readVotes tells vote of every vote of a poll.
func readVotes(
	ctx context.Context, tx *sqlx.Tx, id uuid.UUID, vote func(uuid.UUID, question.Answer),
) error {
	answers, err := tx.QueryContext(ctx,
		`SELECT voter_id, answer, vote_id FROM votes WHERE poll_id = ?`, id[:])
	if err != nil {
		return err
	}
	defer func() { _ = answers.Close() }()
	for answers.Next() {
		var a poll.VoterAnswer
		if err := answers.Scan(&a.VoterID, &a.Answer, &a.VoteID); err != nil {
			return err
		}
		vote(a.VoteID, a.Answer)
	}
	return answers.Err()
}

var (
	givenRefolded, refoldedWidth = sqlite.Given("word text", "count number", "first id",
		"hidden number")
	givenRefoldedSpellings, spelledAsWidth = sqlite.Given("word text", "spelling text",
		"count number", "first id")
)

// writeWords writes words and their spellings, of which there are none.
func writeWords(ctx context.Context, tx *sqlx.Tx, id uuid.UUID,
	words []question.CountedWord) error {
	all, n := sqlite.NewSet(len(words), refoldedWidth), 0
	spellings := sqlite.NewSet(len(words), spelledAsWidth)
	for _, w := range words {
		all.Text(w.Word)
		all.Number(w.Count)
		all.ID(w.First)
		hidden := int64(0)
		if w.Hidden {
			hidden = 1
		}
		all.Number(hidden)
		for _, s := range w.Spellings {
			spellings.Text(w.Word)
			spellings.Text(s.Spelling)
			spellings.Number(s.Count)
			spellings.ID(s.First)
			n++
		}
	}
	if len(words) > 0 {
		result, err := tx.ExecContext(ctx, givenRefolded+`
			INSERT INTO words (poll_id, word, count, first, hidden) SELECT ?3, word, count, first, hidden FROM given`,
			all.Rows, all.Texts, id[:])
		if err := sqlite.Exactly(len(words), "words", result, err); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, givenRefoldedSpellings+`
		INSERT INTO spellings (poll_id, word, spelling, count, first) SELECT ?3, word, spelling, count, first FROM given`,
		spellings.Rows, spellings.Texts, id[:])
	return sqlite.Exactly(n, "spellings", result, err)
}

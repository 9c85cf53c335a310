package pollpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

// settleFolds says of stale states whose words are not to be counted anew that nothing is to be
// done. It waits for nobody.
var settleFolds = fmt.Sprintf(`
	UPDATE poll_states
	SET fold = CASE WHEN counts = '{}' AND status = 'final' THEN fold ELSE %[1]d END, fold_revision = revision
	WHERE poll_id = ANY(ARRAY(
		SELECT poll_id FROM poll_states
		WHERE stale AND (counts <> '{}' OR status = 'final' AND fold <> %[1]d)
		LIMIT $1 FOR UPDATE SKIP LOCKED))`,
	question.PresentFold)

const (
	// settledAtOnce is how many states settleFolds looks at, and refoldable how many polls Refold
	// chooses from.
	settledAtOnce = 500
	refoldable    = 100
	// refoldPage is how many rows a statement of recounting reads or writes.
	refoldPage = 5000
)

// Refold implements poll.Store. Of the polls that are to be counted anew it takes any, so that one
// that takes too long holds up no other.
func (s *Store) Refold(ctx context.Context) (changed *bus.Change, more bool, err error) {
	settled, err := s.db.Exec(ctx, "settle_folds", settleFolds, settledAtOnce)
	if err != nil {
		return nil, false, err
	}
	var ids []uuid.UUID
	err = s.db.Read(ctx, "stale_folds", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &ids, `SELECT poll_id FROM poll_states WHERE stale LIMIT $1`,
			refoldable)
	})
	if err != nil {
		return nil, false, err
	}
	more = settled > 0
	if len(ids) == 0 {
		return nil, more, nil
	}
	id := ids[rand.N(len(ids))]
	err = s.db.Write(ctx, "refold", func(tx *sqlx.Tx) error {
		changed = nil
		var a account
		err := tx.GetContext(ctx, &a, `
			SELECT s.presentation_id, s.poll_id, q.kind, s.fold, s.stale, s.status, s.opened, s.revision, s.voters
			FROM poll_states s JOIN polls q ON q.id = s.poll_id WHERE s.poll_id = $1 FOR UPDATE OF s SKIP LOCKED`, id)
		if errors.Is(err, sql.ErrNoRows) { // it is gone, or another one is at it
			return nil
		}
		if err != nil || !a.folding().Due(a.Kind, a.Status) {
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

// account is a poll whose state is locked, as counting knows it.
type account struct {
	PresentationID uuid.UUID     `json:"presentation_id" db:"presentation_id"`
	PollID         uuid.UUID     `json:"poll_id" db:"poll_id"`
	Kind           question.Kind `json:"kind" db:"kind"`
	OptionKeys     []string      `json:"option_keys" db:"-"`
	Fold           question.Fold `json:"fold" db:"fold"`
	Stale          bool          `json:"stale" db:"stale"`
	poll.State                   // its columns have the names of its fields
}

func (a *account) folding() poll.Folding { return poll.Folding{Fold: a.Fold, Stale: a.Stale} }

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
		if err := rewriteWords(ctx, tx, a.PollID, words); err != nil {
			return nil, err
		}
		a.Revision++
		changed = &bus.Change{Thing: a.PresentationID, Part: a.PollID, Version: a.Opened,
			Revision: a.Revision}
	}
	a.Fold, a.Stale = question.PresentFold, false
	result, err := tx.ExecContext(ctx,
		`UPDATE poll_states SET revision = $2, fold = $3, fold_revision = $2 WHERE poll_id = $1`,
		a.PollID, a.Revision, a.Fold)
	return changed, postgres.Exactly(1, "states", result, err)
}

func readWords(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, r *question.Refolding) error {
	var words []struct {
		Word   string    `db:"word"`
		Count  int64     `db:"count"`
		First  uuid.UUID `db:"first"`
		Hidden bool      `db:"hidden"`
	}
	if err := tx.SelectContext(ctx, &words,
		`SELECT word, count, first, hidden FROM words WHERE poll_id = $1`, id); err != nil {
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
		`SELECT word, spelling, count, first FROM spellings WHERE poll_id = $1`, id)
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
	page := make([]voterAnswerRow, 0, refoldPage)
	after := uuid.Nil
	for {
		page = page[:0]
		err := tx.SelectContext(ctx, &page, `
			SELECT voter_id, answer, vote_id FROM votes WHERE poll_id = $1 AND voter_id > $2 ORDER BY voter_id LIMIT $3`, id, after, refoldPage)
		if err != nil {
			return err
		}
		for _, v := range page {
			vote(v.VoteID, v.Answer)
		}
		if len(page) < refoldPage {
			return nil
		}
		after = page[len(page)-1].VoterID
	}
}

// rewriteWords puts words and their spellings in the place of those that are there.
func rewriteWords(ctx context.Context, tx *sqlx.Tx, id uuid.UUID,
	words []question.CountedWord) error {
	if err := deleteWords(ctx, tx, []uuid.UUID{id}); err != nil {
		return err
	}
	for len(words) > 0 {
		page := words[:min(len(words), refoldPage)]
		words = words[len(page):]
		n := len(page)
		result, err := tx.ExecContext(ctx, `
			INSERT INTO words (poll_id, word, count, first, hidden)
			SELECT $1, word, count, first, hidden <> 0
			FROM unnest($2::text[], $3::bigint[], $4::uuid[], $5::bigint[]) AS u (word, count, first, hidden)`, id,
			postgres.TextArray(n, func(i int) string { return page[i].Word }),
			postgres.Int64Array(n, func(i int) int64 { return page[i].Count }),
			postgres.UUIDArray(n, func(i int) uuid.UUID { return page[i].First }),
			postgres.Int64Array(n, func(i int) int64 { return number(page[i].Hidden) }))
		if err := postgres.Exactly(n, "words", result, err); err != nil {
			return err
		}
		var of []string
		var spellings []question.CountedSpelling
		for _, w := range page {
			for _, s := range w.Spellings {
				of, spellings = append(of, w.Word), append(spellings, s)
			}
		}
		if n = len(spellings); n == 0 {
			continue
		}
		result, err = tx.ExecContext(ctx, `
			INSERT INTO spellings (poll_id, word, spelling, count, first)
			SELECT $1, u.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::uuid[]) u`, id,
			postgres.TextArray(n, func(i int) string { return of[i] }),
			postgres.TextArray(n, func(i int) string { return spellings[i].Spelling }),
			postgres.Int64Array(n, func(i int) int64 { return spellings[i].Count }),
			postgres.UUIDArray(n, func(i int) uuid.UUID { return spellings[i].First }))
		if err := postgres.Exactly(n, "spellings", result, err); err != nil {
			return err
		}
	}
	return nil
}

// deleteWords deletes the words of polls, and how they were written.
func deleteWords(ctx context.Context, tx *sqlx.Tx, ids []uuid.UUID) error {
	arg := postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] })
	for _, statement := range []string{
		`DELETE FROM words WHERE poll_id = ANY($1::uuid[])`,
		`DELETE FROM spellings WHERE poll_id = ANY($1::uuid[])`,
	} {
		if _, err := tx.ExecContext(ctx, statement, arg); err != nil {
			return err
		}
	}
	return nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

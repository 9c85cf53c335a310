package polllite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

var _ poll.RecountStore = (*Store)(nil)

// PollIDs implements poll.RecountStore.
func (s *Store) PollIDs(
	ctx context.Context, after uuid.UUID, limit int,
) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "poll_ids", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &ids,
			`SELECT poll_id FROM poll_states WHERE poll_id > ? ORDER BY poll_id LIMIT ?`,
			after[:], limit)
	})
	return ids, err
}

// Recount implements poll.RecountStore.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (differing []poll.Differing, err error) {
	err = s.db.Write(ctx, "recount_poll", func(tx *sqlx.Tx) error {
		a, r, err := recounted(ctx, tx, id)
		if err != nil {
			return err
		}
		differing = r.Differing()
		if !repair || len(differing) == 0 {
			return nil
		}
		if state, other := r.State(); other {
			a.Revision = state.Revision
			err := updateStates(ctx, tx, []poll.PollState{{PollID: id, State: state}})
			if err != nil {
				return err
			}
		}
		if r.WordsDiffer() {
			_, err = refold(ctx, tx, a)
		}
		return err
	})
	return differing, err
}

// recounted counts the votes of a poll anew, while nobody else writes.
func recounted(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (*account, *poll.Recount, error) {
	var a account
	err := tx.GetContext(
		ctx,
		&a,
		`SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold,
		s.fold_revision, `+stateColumns+` FROM poll_states s JOIN polls q ON q.id = s.poll_id
		WHERE s.poll_id = ?`,
		id[:],
	)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, fault.Errorf(fault.NotFound, "there is no such poll")
	}
	if err != nil {
		return nil, nil, err
	}
	r := poll.NewRecount(a.Kind, a.OptionKeys, a.state(), a.folding())
	if err := readVotes(ctx, tx, id, r.Vote); err != nil {
		return nil, nil, err
	}
	return &a, r, readCounts(ctx, tx, id, r)
}

// readCounts brings a recount the words that are there, and how they are written.
func readCounts(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, r *poll.Recount) error {
	var words []struct {
		Word  string `db:"word"`
		Count int64  `db:"count"`
	}
	err := tx.SelectContext(ctx, &words, `SELECT word, count FROM words WHERE poll_id = ?`, id[:])
	if err != nil {
		return err
	}
	for _, w := range words {
		r.Word(w.Word, w.Count)
	}
	var spellings []struct {
		Word     string `db:"word"`
		Spelling string `db:"spelling"`
		Count    int64  `db:"count"`
	}
	err = tx.SelectContext(ctx, &spellings,
		`SELECT word, spelling, count FROM spellings WHERE poll_id = ?`, id[:])
	for _, s := range spellings {
		r.Spelling(s.Word, s.Spelling, s.Count)
	}
	return err
}

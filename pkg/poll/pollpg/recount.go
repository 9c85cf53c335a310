package pollpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

var _ poll.RecountStore = (*Store)(nil)

// PollIDs implements poll.RecountStore.
func (s *Store) PollIDs(
	ctx context.Context, after uuid.UUID, limit int,
) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "poll_ids", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &ids,
			`SELECT poll_id FROM poll_states WHERE poll_id > $1 ORDER BY poll_id LIMIT $2`,
			after, limit)
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
			a.State = state
			err := writeStates(ctx, tx, []poll.PollState{{PollID: id, State: state}})
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

// recounted locks a poll's state and counts its votes anew.
func recounted(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (*account, *poll.Recount, error) {
	var row struct {
		PresentationID uuid.UUID      `db:"presentation_id"`
		Kind           question.Kind  `db:"kind"`
		OptionKeys     postgres.Texts `db:"option_keys"`
		Fold           question.Fold  `db:"fold"`
		Stale          bool           `db:"stale"`
		stateRow
	}
	err := tx.GetContext(
		ctx,
		&row,
		`SELECT s.presentation_id, q.kind, q.option_keys, s.fold, s.stale,
		`+stateColumns+` FROM poll_states s JOIN polls q ON q.id = s.poll_id
		WHERE s.poll_id = $1 FOR UPDATE OF s`,
		id,
	)
	if postgres.Missing(err) {
		return nil, nil, fault.Errorf(fault.NotFound, "there is no such poll")
	}
	if err != nil {
		return nil, nil, err
	}
	a := &account{
		PresentationID: row.PresentationID, PollID: id, Kind: row.Kind, OptionKeys: row.OptionKeys,
		Fold: row.Fold, Stale: row.Stale, State: row.state(),
	}
	r := poll.NewRecount(a.Kind, a.OptionKeys, a.State, a.folding())
	if err := readVotes(ctx, tx, id, r.Vote); err != nil {
		return nil, nil, err
	}
	return a, r, readCounts(ctx, tx, id, r)
}

// readCounts brings a recount the words that are there, and how they are written.
func readCounts(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, r *poll.Recount) error {
	var words []struct {
		Word  string `db:"word"`
		Count int64  `db:"count"`
	}
	err := tx.SelectContext(ctx, &words, `SELECT word, count FROM words WHERE poll_id = $1`, id)
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
		`SELECT word, spelling, count FROM spellings WHERE poll_id = $1`, id)
	for _, s := range spellings {
		r.Spelling(s.Word, s.Spelling, s.Count)
	}
	return err
}

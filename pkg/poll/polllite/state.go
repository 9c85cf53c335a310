package polllite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const stateColumns = `s.status, s.opened, s.sealed, s.revision, s.voters, s.counts`

type stateRow struct {
	Status   string             `db:"status"`
	Opened   int64              `db:"opened"`
	Sealed   int64              `db:"sealed"`
	Revision int64              `db:"revision"`
	Voters   int64              `db:"voters"`
	Counts   sqlite.List[int64] `db:"counts"`
}

func (r *stateRow) state() poll.State {
	return poll.State{
		Status: poll.Status(r.Status), Opened: r.Opened, Sealed: r.Sealed, Revision: r.Revision,
		Voters: r.Voters, Counts: r.Counts,
	}
}

func readState(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (poll.PollState, error) {
	var row stateRow
	err := tx.GetContext(ctx, &row,
		`SELECT `+stateColumns+` FROM poll_states s WHERE s.poll_id = ?`, id[:])
	return poll.PollState{PollID: id, State: row.state()}, err
}

func stateRows(states []poll.PollState) (string, error) {
	return sqlite.Rows(len(states), func(i int) []any {
		s := &states[i]
		return []any{sqlite.Hex(s.PollID), s.Status, s.Opened, s.Sealed, s.Revision, s.Voters,
			s.Counts}
	})
}

// selectStates takes states apart; the counts stay JSON.
const selectStates = `SELECT unhex(value->>0) AS poll_id, value->>1 AS status, value->>2 AS opened, value->>3 AS sealed,
	value->>4 AS revision, value->>5 AS voters, value->6 AS counts FROM json_each(?1)`

func insertStates(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	states []poll.PollState) error {
	arg, err := stateRows(states)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO poll_states (poll_id, presentation_id, status, opened, sealed, revision, voters, counts, fold, fold_revision)
		SELECT poll_id, ?2, status, opened, sealed, revision, voters, counts, ?3, revision FROM (`+selectStates+`)`,
		arg, presentationID[:], question.PresentFold)
	return err
}

func updateStates(ctx context.Context, tx *sqlx.Tx, states []poll.PollState) error {
	if len(states) == 0 {
		return nil
	}
	arg, err := stateRows(states)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `
		UPDATE poll_states
		SET status = u.status, opened = u.opened, sealed = u.sealed, revision = u.revision, voters = u.voters, counts = u.counts,
			`+keepFold+`
		FROM (`+selectStates+`) u WHERE poll_states.poll_id = u.poll_id`, arg)
	return sqlite.Exactly(len(states), "states", result, err)
}

// Closing implements poll.Store.
func (s *Store) Closing(ctx context.Context) ([]poll.ClosingPoll, error) {
	var rows []struct {
		PresentationID uuid.UUID `db:"presentation_id"`
		PollID         uuid.UUID `db:"poll_id"`
		Opened         int64     `db:"opened"`
		partitionRow
	}
	err := s.db.Read(ctx, "closing", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows,
			`SELECT s.presentation_id, s.poll_id, s.opened, `+partitionColumns+`
			FROM poll_states s JOIN presentations p ON p.id = s.presentation_id
			WHERE s.status = 'closing' ORDER BY s.poll_id`)
	})
	if err != nil {
		return nil, err
	}
	closing := make([]poll.ClosingPoll, len(rows))
	for i, r := range rows {
		closing[i] = poll.ClosingPoll{
			PresentationID: r.PresentationID, Partition: r.partitionOf(r.PresentationID),
			Seal: poll.Seal{PollID: r.PollID, Version: r.Opened},
		}
	}
	return closing, nil
}

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

const stateColumns = `s.status, s.opened, s.sealed, s.revision, s.voters, s.counts`

type stateRow struct {
	Status   string          `db:"status"`
	Opened   int64           `db:"opened"`
	Sealed   int64           `db:"sealed"`
	Revision int64           `db:"revision"`
	Voters   int64           `db:"voters"`
	Counts   postgres.Int64s `db:"counts"`
}

func (r *stateRow) state() poll.State {
	return poll.State{
		Status: poll.Status(r.Status), Opened: r.Opened, Sealed: r.Sealed, Revision: r.Revision,
		Voters: r.Voters, Counts: r.Counts,
	}
}

// lockStates locks polls' states in the order of their ids, which is the order of everybody, and
// reads them. They are read as their last writer left them, even where the lock had to wait for it.
func lockStates(ctx context.Context, tx *sqlx.Tx, ids []uuid.UUID) ([]poll.PollState, error) {
	var rows []struct {
		PollID uuid.UUID `db:"poll_id"`
		stateRow
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT s.poll_id, `+stateColumns+` FROM poll_states s WHERE s.poll_id = ANY($1::uuid[]) ORDER BY s.poll_id FOR UPDATE`,
		postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] }))
	if err != nil {
		return nil, err
	}
	if len(rows) != len(ids) {
		return nil, fmt.Errorf("locked the states of %d polls, not %d", len(rows), len(ids))
	}
	states := make([]poll.PollState, len(rows))
	for i := range rows {
		states[i] = poll.PollState{PollID: rows[i].PollID, State: rows[i].state()}
	}
	return states, nil
}

// stateArrays gives the columns of states for unnest.
func stateArrays(states []poll.PollState) ([]any, error) {
	n := len(states)
	counts := make([]string, n) // of different lengths, so each travels as the text of an array
	for i := range states {
		var err error
		if counts[i], err = postgres.TextOf(postgres.Int64s(states[i].Counts)); err != nil {
			return nil, err
		}
	}
	return []any{
		postgres.UUIDArray(n, func(i int) uuid.UUID { return states[i].PollID }),
		postgres.TextArray(n, func(i int) string { return string(states[i].Status) }),
		postgres.Int64Array(n, func(i int) int64 { return states[i].Opened }),
		postgres.Int64Array(n, func(i int) int64 { return states[i].Sealed }),
		postgres.Int64Array(n, func(i int) int64 { return states[i].Revision }),
		postgres.Int64Array(n, func(i int) int64 { return states[i].Voters }),
		postgres.TextArray(n, func(i int) string { return counts[i] }),
	}, nil
}

func insertStates(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	states []poll.PollState) error {
	args, err := stateArrays(states)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO poll_states (poll_id, presentation_id, status, opened, sealed, revision, voters, counts, fold, fold_revision)
		SELECT poll_id, $8, status, opened, sealed, revision, voters, counts::bigint[], $9, revision
		FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
			$7::text[])
			AS u (poll_id, status, opened, sealed, revision, voters, counts)`,
		append(args, presentationID, question.PresentFold)...)
	return err
}

// writeStates writes states whose rows the transaction has locked, as counting does where nobody
// voted.
func writeStates(ctx context.Context, tx *sqlx.Tx, states []poll.PollState) error {
	return settle(ctx, tx, nil, states, nil)
}

// Closing implements poll.Store.
func (s *Store) Closing(ctx context.Context) ([]poll.ClosingPoll, error) {
	var rows []struct {
		PresentationID uuid.UUID `db:"presentation_id"`
		PollID         uuid.UUID `db:"poll_id"`
		Opened         int64     `db:"opened"`
		partitionRow
	}
	err := s.db.Read(ctx, "closing", func(q postgres.Queryer) error {
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

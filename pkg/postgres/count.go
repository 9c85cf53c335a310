package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Count implements poll.Store. The order of statements is part of its correctness: each of them sees what was
// committed before it began, so nothing is read in the statement that waits for a lock but the locked rows.
func (s *Store) Count(ctx context.Context, partition int, batches []poll.Batch) (outcome poll.Outcome, err error) {
	if len(batches) == 0 {
		return poll.Outcome{}, nil
	}
	err = s.write(ctx, func(tx *sqlx.Tx) error {
		outcome, err = count(ctx, tx, partition, batches)
		return err
	})
	if err != nil {
		return poll.Outcome{}, err
	}
	return outcome, nil
}

func count(ctx context.Context, tx *sqlx.Tx, partition int, batches []poll.Batch) (o poll.Outcome, err error) {
	ledger := poll.NewLedger(batches)
	if err := lockPartition(ctx, tx, partition); err != nil {
		return o, err
	}
	if err := lockAccounts(ctx, tx, ledger); err != nil {
		return o, err
	}
	fresh, err := recordBatches(ctx, tx, partition, batches)
	if err != nil {
		return o, err
	}
	ledger.Walk(fresh)
	if err := readOld(ctx, tx, ledger); err != nil {
		return o, err
	}
	votes, states, words, o := ledger.Settle()
	if err := upsertVotes(ctx, tx, votes); err != nil {
		return o, err
	}
	if err := moveWords(ctx, tx, words); err != nil {
		return o, err
	}
	return o, updateStates(ctx, tx, states)
}

func lockPartition(ctx context.Context, tx *sqlx.Tx, partition int) error {
	var id int
	err := tx.GetContext(ctx, &id, `SELECT id FROM partitions WHERE id = $1 FOR UPDATE`, partition)
	if errors.Is(err, sql.ErrNoRows) { // a lock on a row that is not there would keep nobody out
		return fmt.Errorf("there is no partition %d", partition)
	}
	return err
}

// lockAccounts locks the polls that the batches speak of. The options that it joins to a state may be old ones if it had to
// wait for an edit to let go of the state. No vote is counted by them: a vote that is not late was accepted after its poll was
// displayed, which was after the last edit of its options (poll.Draft), and so the statement began after that edit, too.
func lockAccounts(ctx context.Context, tx *sqlx.Tx, ledger *poll.Ledger) error {
	ids := ledger.Polls()
	var rows []struct {
		PresentationID uuid.UUID      `db:"presentation_id"`
		PollID         uuid.UUID      `db:"poll_id"`
		Kind           poll.Kind      `db:"kind"`
		OptionKeys     pq.StringArray `db:"option_keys"`
		stateRow
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, `+stateColumns+`
		FROM poll_states s JOIN polls q ON q.id = s.poll_id
		WHERE s.poll_id = ANY($1::uuid[])
		ORDER BY s.poll_id FOR UPDATE OF s`, uuidArray(len(ids), func(i int) uuid.UUID { return ids[i] }))
	if err != nil {
		return err
	}
	for i := range rows {
		ledger.Load(rows[i].PresentationID, rows[i].PollID, rows[i].Kind, rows[i].OptionKeys, rows[i].state())
	}
	return nil
}

// recordBatches gives the ids of the batches that were not recorded before.
func recordBatches(ctx context.Context, tx *sqlx.Tx, partition int, batches []poll.Batch) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	err := tx.SelectContext(ctx, &ids, `
		INSERT INTO batches (id, partition) SELECT id, $2 FROM unnest($1::uuid[]) AS u (id)
		ON CONFLICT DO NOTHING RETURNING id`,
		uuidArray(len(batches), func(i int) uuid.UUID { return batches[i].ID }), partition)
	if err != nil {
		return nil, err
	}
	fresh := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		fresh[id] = true
	}
	return fresh, nil
}

// exactly makes a fault of a statement that wrote fewer or more rows than it was given: the tallies would be wrong.
func exactly(n int, what string, result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if got, err := result.RowsAffected(); err != nil || got != int64(n) {
		return errors.Join(fmt.Errorf("wrote %d %s, not %d", got, what, n), err)
	}
	return nil
}

// Forget implements poll.Store.
func (s *Store) Forget(ctx context.Context, age time.Duration, limit int) (int, error) {
	result, err := s.db.ExecContext(ctx, `
		DELETE FROM batches WHERE id = ANY(ARRAY(
			SELECT id FROM batches WHERE recorded_at < now() - make_interval(secs => $1) LIMIT $2))`, age.Seconds(), limit)
	if err != nil {
		return 0, translate(err)
	}
	n, err := result.RowsAffected()
	return int(n), translate(err)
}

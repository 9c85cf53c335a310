package polllite

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Count implements poll.Store. It is the only writer while it runs, so there is nothing to lock.
func (s *Store) Count(ctx context.Context, batches []poll.Batch) (outcome poll.Outcome, err error) {
	if len(batches) == 0 {
		return poll.Outcome{}, nil
	}
	partitions, ids := make([]int, len(batches)), make([]uuid.UUID, len(batches))
	for i := range batches {
		partitions[i], ids[i] = batches[i].Partition, batches[i].ID
	}
	counting := func(tx *sqlx.Tx, fresh map[uuid.UUID]bool) error {
		outcome, err = count(ctx, tx, batches, fresh)
		return err
	}
	err = s.db.Once(ctx, "count", "votes", partitions, ids, counting)
	if err != nil {
		return poll.Outcome{}, err
	}
	return outcome, nil
}

// count counts the batches, of which those that are not fresh have had their effect.
func count(
	ctx context.Context, tx *sqlx.Tx, batches []poll.Batch, fresh map[uuid.UUID]bool,
) (o poll.Outcome, err error) {
	ledger := poll.NewLedger(batches)
	if err := checkPartitions(ctx, tx, batches); err != nil {
		return o, err
	}
	refolded, err := readAccounts(ctx, tx, ledger)
	if err != nil {
		return o, err
	}
	ledger.Walk(fresh)
	if err := readOld(ctx, tx, ledger); err != nil {
		return o, err
	}
	votes, states, words, o := ledger.Settle()
	o.AlsoChanged(refolded)
	if err := upsertVotes(ctx, tx, votes); err != nil {
		return o, err
	}
	if err := moveWords(ctx, tx, words); err != nil {
		return o, err
	}
	return o, updateStates(ctx, tx, states)
}

func checkPartitions(ctx context.Context, tx *sqlx.Tx, batches []poll.Batch) error {
	arg, err := sqlite.Rows(len(batches), func(i int) []any { return []any{batches[i].Partition} })
	if err != nil {
		return err
	}
	var missing []int
	err = tx.SelectContext(ctx, &missing, `
		SELECT u.value->>0 FROM json_each(?) u
		WHERE NOT EXISTS (SELECT 1 FROM partitions WHERE id = u.value->>0) LIMIT 1`, arg)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("there is no partition %d", missing[0])
	}
	return err
}

// readAccounts brings the ledger the polls that it asks for. It gives the changes of those whose
// words it has counted anew for that.
func readAccounts(ctx context.Context, tx *sqlx.Tx,
	ledger *poll.Ledger) (refolded []bus.Change, err error) {
	ids := ledger.Polls()
	arg, err := sqlite.Rows(len(ids), func(i int) []any { return []any{sqlite.Hex(ids[i])} })
	if err != nil {
		return nil, err
	}
	var found []account
	err = tx.SelectContext(ctx, &found, `
		SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold, s.fold_revision, `+stateColumns+`
		FROM json_each(?) u CROSS JOIN poll_states s ON s.poll_id = unhex(u.value->>0) JOIN polls q ON q.id = s.poll_id`, arg)
	if err != nil {
		return nil, err
	}
	for i := range found {
		a := &found[i]
		if a.folding().Due(a.Kind, poll.Status(a.Status)) && a.Voters <= poll.MaxRefolded {
			changed, err := refold(ctx, tx, a)
			if err != nil {
				return nil, err
			}
			if changed != nil {
				refolded = append(refolded, *changed)
			}
		}
		ledger.Load(a.PresentationID, a.PollID, a.Kind, a.OptionKeys, a.state())
		ledger.Folded(a.PollID, a.Fold)
	}
	return refolded, nil
}

package pollpg

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

// Count implements poll.Store. The order of statements is part of its correctness. Each statement
// sees what was committed before it began. So nothing is read in the statement that waits for a
// lock but the locked rows.
func (s *Store) Count(ctx context.Context, batches []poll.Batch) (outcome poll.Outcome, err error) {
	if len(batches) == 0 {
		return poll.Outcome{}, nil
	}
	err = s.db.Write(ctx, "count", func(tx *sqlx.Tx) error {
		outcome, err = count(ctx, tx, batches)
		return err
	})
	if err != nil {
		return poll.Outcome{}, err
	}
	return outcome, nil
}

// count takes four round trips, with BEGIN and COMMIT, however much it counts; more only once for a
// poll whose words another fold has counted.
func count(ctx context.Context, tx *sqlx.Tx, batches []poll.Batch) (o poll.Outcome, err error) {
	ledger := poll.NewLedger(batches)
	refolded, err := claim(ctx, tx, ledger, batches)
	if err != nil {
		return o, err
	}
	votes, states, words, o := ledger.Settle()
	o.AlsoChanged(refolded)
	return o, settle(ctx, tx, votes, states, words)
}

// The functions of the schema that counting is made of (0009_counting.up.sql and
// 0011_counting.up.sql of migrations/postgres).
// Each saves round trips, of which a transaction has four with BEGIN and COMMIT.
var (
	claimCall  = call("count_claim_2", 5)
	settleCall = call("count_settle_1", 24)
)

// call gives the statement that calls a function.
func call(name string, parameters int) string {
	places := make([]string, parameters)
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	return "SELECT * FROM " + name + "(" + strings.Join(places, ", ") + ")"
}

// claim locks and reads what counting the batches needs, and has the ledger walk through them. It
// gives the changes of polls whose words it has counted anew for that.
func claim(
	ctx context.Context, tx *sqlx.Tx, ledger *poll.Ledger, batches []poll.Batch,
) (refolded []bus.Change, err error) {
	var keys []poll.VoteKey
	for i := range batches {
		for j := range batches[i].Votes {
			keys = append(keys, poll.VoteKey{PollID: batches[i].Votes[j].PollID,
				VoterID: batches[i].Votes[j].VoterID})
		}
	}
	polls := ledger.Polls()
	var found struct {
		Accounts               []byte
		Fresh, Answers         postgres.Texts
		Places, Versions, Seqs postgres.Int64s
	}
	err = tx.GetContext(ctx, &found, claimCall,
		postgres.Int32Array(len(batches), func(i int) int32 { return int32(batches[i].Partition) }),
		postgres.UUIDArray(len(polls), func(i int) uuid.UUID { return polls[i] }),
		postgres.UUIDArray(len(batches), func(i int) uuid.UUID { return batches[i].ID }),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].PollID }),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].VoterID }))
	if err != nil {
		return nil, err
	}
	var accounts []account
	if err := json.Unmarshal(found.Accounts, &accounts); err != nil {
		return nil, err
	}
	for i := range accounts {
		a := &accounts[i]
		if a.folding().Due(a.Kind, a.Status) && a.Voters <= poll.MaxRefolded {
			changed, err := refold(ctx, tx, a)
			if err != nil {
				return nil, err
			}
			if changed != nil {
				refolded = append(refolded, *changed)
			}
		}
		ledger.Load(a.PresentationID, a.PollID, a.Kind, a.OptionKeys, a.State)
		ledger.Folded(a.PollID, a.Fold)
	}
	fresh := make(map[uuid.UUID]bool, len(found.Fresh))
	for _, text := range found.Fresh {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, err
		}
		fresh[id] = true
	}
	ledger.Walk(fresh)
	for i, place := range found.Places { // they count from 1
		key := keys[place-1]
		ledger.Old(poll.Vote{
			PollID: key.PollID, VoterID: key.VoterID, Version: found.Versions[i],
			Seq: found.Seqs[i], Answer: question.Answer(found.Answers[i]),
		})
	}
	return refolded, nil
}

// settle writes votes that stand now, the states of their polls, and what changes of words.
// Nothing changes without a state.
func settle(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote, states []poll.PollState,
	words []poll.WordChange) error {
	if len(states) == 0 {
		return nil
	}
	args, err := stateArrays(states)
	if err != nil {
		return err
	}
	moved, more := wordArrays(words)
	all := slices.Concat(voteArrays(votes), moved, args, more, []any{question.PresentFold})
	_, err = tx.ExecContext(ctx, settleCall, all...)
	return err
}

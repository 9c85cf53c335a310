package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/pkg/bus"
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

// count takes four round trips, with BEGIN and COMMIT, however much it counts; more only once for a poll whose words another
// fold has counted.
func count(ctx context.Context, tx *sqlx.Tx, partition int, batches []poll.Batch) (o poll.Outcome, err error) {
	ledger := poll.NewLedger(batches)
	refolded, err := claim(ctx, tx, ledger, partition, batches)
	if err != nil {
		return o, err
	}
	votes, states, words, o := ledger.Settle()
	o.AlsoChanged(refolded)
	return o, settle(ctx, tx, votes, states, words)
}

const lockPartition = `SELECT id FROM partitions WHERE id = $1 FOR UPDATE`

// lockAccounts locks the polls that the batches speak of. The keys that it joins to a state may be old ones if it had to
// wait for an edit to let go of the state. No vote is counted by them: a vote that is not late was accepted after its poll was
// displayed, which was after the last edit of its keys (poll.Draft), and so the statement began after that edit, too.
const lockAccounts = `
	SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold, s.stale, ` + stateColumns + `
	FROM poll_states s JOIN polls q ON q.id = s.poll_id
	WHERE s.poll_id = ANY($2)
	ORDER BY s.poll_id FOR UPDATE OF s`

// recordBatches gives the ids of the batches that were not recorded before.
const recordBatches = `
	INSERT INTO batches (id, partition) SELECT id, $1 FROM unnest($3) AS u (id)
	ON CONFLICT DO NOTHING RETURNING id`

// readOld reads the votes that stand of the given keys. The polls' states are locked, so nobody changes them. OFFSET 0 keeps
// the planner from making a plain join of it, which it would plan to read all votes for, as is cheaper while they are few.
const readOld = `
	SELECT u.place, v.version, v.seq, v.answer
	FROM unnest($4, $5) WITH ORDINALITY AS u (poll_id, voter_id, place) CROSS JOIN LATERAL (
		SELECT version, seq, answer FROM votes WHERE poll_id = u.poll_id AND voter_id = u.voter_id OFFSET 0) v`

// claimTypes are the partition, the polls, the batches, and the poll and the voter of each vote.
const claimTypes = `integer, uuid[], uuid[], uuid[], uuid[]`

var claimRoutine = routine{"claim", claimTypes, `
	OUT accounts json, OUT fresh uuid[], OUT places bigint[], OUT versions bigint[], OUT seqs bigint[], OUT answers text[]`, `
	PERFORM FROM (` + lockPartition + `) p;
	IF NOT FOUND THEN -- a lock on a row that is not there would keep nobody out
		RAISE 'there is no partition %', $1;
	END IF;
	SELECT coalesce(json_agg(a), '[]') FROM (` + lockAccounts + `) a INTO accounts;
	WITH b AS (` + recordBatches + `) SELECT array_agg(id) FROM b INTO fresh;
	SELECT array_agg(o.place), array_agg(o.version), array_agg(o.seq), array_agg(o.answer) FROM (` + readOld + `) o
		INTO places, versions, seqs, answers;`}

var claimCall = claimRoutine.call()

// claim locks and reads what counting the batches needs, and has the ledger walk through them. It gives the changes of polls whose
// words it has counted anew for that.
func claim(ctx context.Context, tx *sqlx.Tx, ledger *poll.Ledger, partition int, batches []poll.Batch) (refolded []bus.Change, err error) {
	var keys []poll.VoteKey
	for i := range batches {
		for j := range batches[i].Votes {
			keys = append(keys, poll.VoteKey{PollID: batches[i].Votes[j].PollID, VoterID: batches[i].Votes[j].VoterID})
		}
	}
	polls := ledger.Polls()
	var found struct {
		Accounts               []byte
		Fresh, Answers         pq.StringArray
		Places, Versions, Seqs pq.Int64Array
	}
	err = tx.GetContext(ctx, &found, claimCall, partition,
		uuidArray(len(polls), func(i int) uuid.UUID { return polls[i] }),
		uuidArray(len(batches), func(i int) uuid.UUID { return batches[i].ID }),
		uuidArray(len(keys), func(i int) uuid.UUID { return keys[i].PollID }),
		uuidArray(len(keys), func(i int) uuid.UUID { return keys[i].VoterID }))
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
			PollID: key.PollID, VoterID: key.VoterID, Version: found.Versions[i], Seq: found.Seqs[i], Answer: poll.Answer(found.Answers[i]),
		})
	}
	return refolded, nil
}

// settleTypes are those of upsertVotes, of moveWords and forgetWords, of the states, and of the words' votes and spellings.
const settleTypes = `uuid[], uuid[], bigint[], bigint[], text[], uuid[], uuid[], text[], bigint[], uuid[],
	uuid[], text[], bigint[], bigint[], bigint[], bigint[], text[],
	uuid[], uuid[], text[], text[], bigint[], uuid[]`

// settleRoutine writes, and fails where a statement wrote fewer or more rows than it was given: the tallies would be wrong. It
// says nothing of words where there are none, as in every poll of another kind.
var settleRoutine = routine{
	"settle", settleTypes, "OUT wrote bigint", writing(upsertVotes, "votes", 1) + `
	IF cardinality($7) > 0 THEN ` + writing(moveWords, "words", 7) + `
	END IF;
	IF cardinality($10) > 0 THEN ` + forgetWords + `;
	END IF;
	IF cardinality($19) > 0 THEN ` + writing(moveSpellings, "spellings", 19) + forgetSpellings + `;
	END IF;` + writing(updateStates(11), "states", 11),
}

// writing is a statement of a routine that must write as many rows as the parameter with that number has values.
func writing(statement, what string, parameter int) string {
	return fmt.Sprintf(`%s;
	GET DIAGNOSTICS wrote = ROW_COUNT;
	IF wrote <> cardinality($%d) THEN
		RAISE 'wrote %% %s, not %%', wrote, cardinality($%d);
	END IF;`, statement, parameter, what, parameter)
}

var settleCall = settleRoutine.call()

func settle(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote, states []poll.PollState, words []poll.WordChange) error {
	if len(states) == 0 { // whatever changes changes a state
		return nil
	}
	args, err := stateArrays(states)
	if err != nil {
		return err
	}
	moved, more := wordArrays(words)
	_, err = tx.ExecContext(ctx, settleCall, slices.Concat(voteArrays(votes), moved, args, more)...)
	return err
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

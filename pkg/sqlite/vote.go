package sqlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
)

// readOld brings the ledger the votes that stand. CROSS JOIN says which table leads: the short one.
func readOld(ctx context.Context, tx *sqlx.Tx, ledger *poll.Ledger) error {
	keys := ledger.Keys()
	if len(keys) == 0 {
		return nil
	}
	arg, err := rows(len(keys), func(i int) []any { return []any{hexOf(keys[i].PollID), hexOf(keys[i].VoterID)} })
	if err != nil {
		return err
	}
	found, err := tx.QueryContext(ctx, `
		SELECT v.poll_id, v.voter_id, v.version, v.seq, v.answer
		FROM json_each(?) u CROSS JOIN votes v ON v.poll_id = unhex(u.value->>0) AND v.voter_id = unhex(u.value->>1)`, arg)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var v poll.Vote
		if err := found.Scan(&v.PollID, &v.VoterID, &v.Version, &v.Seq, &v.Answer); err != nil {
			return err
		}
		ledger.Old(v)
	}
	return found.Err()
}

// upsertVotes writes the votes that stand now. The condition repeats what the ledger has decided: if the two ever
// disagree, the count of rows shows it and nothing is committed.
func upsertVotes(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote) error {
	if len(votes) == 0 {
		return nil
	}
	arg, err := rows(len(votes), func(i int) []any {
		v := votes[i]
		return []any{hexOf(v.PollID), hexOf(v.VoterID), v.Version, v.Seq, v.Answer, hexOf(v.ID)}
	})
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id)
		SELECT unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, unhex(value->>5) FROM json_each(?) WHERE true
		ON CONFLICT (poll_id, voter_id) DO UPDATE
		SET version = excluded.version, seq = excluded.seq, answer = excluded.answer, vote_id = excluded.vote_id
		WHERE votes.seq <= excluded.seq`, arg)
	return exactly(len(votes), "votes", result, err)
}

// Votes implements poll.Store. The rows of one statement are of one moment, and stream; while they do, the write-ahead
// log cannot be emptied, but counting goes on.
func (s *Store) Votes(ctx context.Context, presentationID, pollID, after uuid.UUID, yield func(poll.VoterAnswer) error) error {
	var found bool
	err := s.lists.GetContext(ctx, &found, `SELECT true FROM polls WHERE id = ? AND presentation_id = ?`, pollID[:], presentationID[:])
	if err != nil {
		return noPoll(err)
	}
	answers, err := s.lists.QueryContext(ctx, `
		SELECT voter_id, answer FROM votes WHERE poll_id = ? AND voter_id > ? ORDER BY voter_id`, pollID[:], after[:])
	if err != nil {
		return translate(err)
	}
	defer func() { _ = answers.Close() }()
	for answers.Next() {
		var a poll.VoterAnswer
		if err := answers.Scan(&a.VoterID, &a.Answer); err != nil {
			return translate(err)
		}
		if err := yield(a); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // database/sql notices it in a goroutine of its own, which may come late
			return translate(err)
		}
	}
	return translate(answers.Err())
}

package polllite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

var givenKeys, keyWidth = sqlite.Given("poll_id id", "voter_id id")

// CROSS JOIN says which table leads: the short one.
var selectOld = givenKeys + `
	SELECT given.row, v.version, v.seq, v.answer
	FROM given CROSS JOIN votes v ON v.poll_id = given.poll_id AND v.voter_id = given.voter_id`

// readOld brings the ledger the votes that stand.
func readOld(ctx context.Context, tx *sqlx.Tx, ledger *poll.Ledger) error {
	keys := ledger.Keys()
	if len(keys) == 0 {
		return nil
	}
	given := sqlite.NewSet(len(keys), keyWidth)
	for i := range keys {
		given.ID(keys[i].PollID)
		given.ID(keys[i].VoterID)
	}
	found, err := tx.QueryContext(ctx, selectOld, given.Rows)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var row int
		var v poll.Vote
		if err := found.Scan(&row, &v.Version, &v.Seq, &v.Answer); err != nil {
			return err
		}
		v.PollID, v.VoterID = keys[row].PollID, keys[row].VoterID
		ledger.Old(v)
	}
	return found.Err()
}

var givenVotes, voteWidth = sqlite.Given("poll_id id", "voter_id id", "version number",
	"seq number", "answer text", "vote_id id")

// The condition repeats what the ledger has decided: if the two ever disagree, the count of rows
// shows it and nothing is committed.
var writeVotes = givenVotes + `
	INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id)
	SELECT poll_id, voter_id, version, seq, answer, vote_id FROM given WHERE true
	ON CONFLICT (poll_id, voter_id) DO UPDATE
	SET version = excluded.version, seq = excluded.seq, answer = excluded.answer, vote_id = excluded.vote_id
	WHERE votes.seq <= excluded.seq`

// upsertVotes writes the votes that stand now.
func upsertVotes(ctx context.Context, tx *sqlx.Tx, votes []*poll.Vote) error {
	if len(votes) == 0 {
		return nil
	}
	given := sqlite.NewSet(len(votes), voteWidth)
	for _, v := range votes {
		given.ID(v.PollID)
		given.ID(v.VoterID)
		given.Number(v.Version)
		given.Number(v.Seq)
		given.Text(string(v.Answer))
		given.ID(v.ID)
	}
	result, err := tx.ExecContext(ctx, writeVotes, given.Rows, given.Texts)
	return sqlite.Exactly(len(votes), "votes", result, err)
}

// Votes implements poll.Store. The rows of one statement are of one moment, and stream; while they
// do, the write-ahead log cannot be emptied, but counting goes on.
func (s *Store) Votes(ctx context.Context, presentationID, pollID, after uuid.UUID,
	yield func(poll.VoterAnswer) error) error {
	return s.db.List(ctx, "votes", func(q sqlite.Queryer) error {
		var found bool
		err := q.GetContext(ctx, &found,
			`SELECT true FROM polls WHERE id = ? AND presentation_id = ?`, pollID[:],
			presentationID[:])
		if err != nil {
			return noPoll(err)
		}
		each := func(r voterAnswerRow) error { return yield(poll.VoterAnswer(r)) }
		return sqlite.Each(ctx, q, each, `
			SELECT voter_id, answer, vote_id FROM votes WHERE poll_id = ? AND voter_id > ?
				AND answer <> '' ORDER BY voter_id`,
			pollID[:], after[:])
	})
}

type voterAnswerRow struct {
	VoterID uuid.UUID       `db:"voter_id"`
	Answer  question.Answer `db:"answer"`
	VoteID  uuid.UUID       `db:"vote_id"`
}

package pollpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

// voteArrays gives the parameters that are votes.
func voteArrays(votes []*poll.Vote) []any {
	n := len(votes)
	return []any{
		postgres.UUIDArray(n, func(i int) uuid.UUID { return votes[i].PollID }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return votes[i].VoterID }),
		postgres.Int64Array(n, func(i int) int64 { return votes[i].Version }),
		postgres.Int64Array(n, func(i int) int64 { return votes[i].Seq }),
		postgres.TextArray(n, func(i int) string { return string(votes[i].Answer) }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return votes[i].ID }),
	}
}

// Votes implements poll.Store.
func (s *Store) Votes(ctx context.Context, presentationID, pollID, after uuid.UUID,
	yield func(poll.VoterAnswer) error) error {
	return s.db.List(ctx, "votes", func(tx *sqlx.Tx) error {
		var found bool
		err := tx.GetContext(ctx, &found,
			`SELECT true FROM polls WHERE id = $1 AND presentation_id = $2`, pollID, presentationID)
		if err != nil {
			return noPoll(err)
		}
		each := func(r voterAnswerRow) error { return yield(poll.VoterAnswer(r)) }
		return postgres.Each(ctx, tx, each, `
			SELECT voter_id, answer, vote_id FROM votes WHERE poll_id = $1 AND voter_id > $2
				AND answer <> '' ORDER BY voter_id`,
			pollID, after)
	})
}

type voterAnswerRow struct {
	VoterID uuid.UUID       `db:"voter_id"`
	Answer  question.Answer `db:"answer"`
	VoteID  uuid.UUID       `db:"vote_id"`
}

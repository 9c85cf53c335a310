package pollpg

import (
	"context"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Newest implements poll.Store.
func (s *Store) Newest(ctx context.Context, presentations, polls []uuid.UUID) (poll.Newest, error) {
	newest, err := poll.NewNewest(presentations, polls)
	if err != nil {
		return poll.Newest{}, err
	}
	var rows []struct {
		ID             uuid.UUID `db:"id"`
		IsPresentation bool      `db:"is_presentation"`
		Number         int64     `db:"number"`
	}
	err = s.db.Read(ctx, "newest", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT id, true AS is_presentation, version + edits AS number FROM presentations WHERE id = ANY($1::uuid[])
			UNION ALL SELECT poll_id, false, revision FROM poll_states
				WHERE poll_id = ANY($2::uuid[])`,
			postgres.UUIDArray(len(presentations),
				func(i int) uuid.UUID { return presentations[i] }),
			postgres.UUIDArray(len(polls), func(i int) uuid.UUID { return polls[i] }))
	})
	if err != nil {
		return poll.Newest{}, err
	}
	for _, r := range rows {
		newest.Add(r.ID, r.IsPresentation, r.Number)
	}
	return newest, nil
}

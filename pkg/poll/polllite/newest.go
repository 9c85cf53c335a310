package polllite

import (
	"context"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Newest implements poll.Store.
func (s *Store) Newest(ctx context.Context, presentations, polls []uuid.UUID) (poll.Newest, error) {
	newest, err := poll.NewNewest(presentations, polls)
	if err != nil {
		return poll.Newest{}, err
	}
	var args [2]string
	for i, ids := range [][]uuid.UUID{presentations, polls} {
		if args[i], err = sqlite.Rows(len(ids),
			func(i int) []any { return []any{sqlite.Hex(ids[i])} }); err != nil {
			return poll.Newest{}, err
		}
	}
	var found []struct {
		ID             uuid.UUID `db:"id"`
		IsPresentation bool      `db:"is_presentation"`
		Number         int64     `db:"number"`
	}
	err = s.db.Read(ctx, "newest", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &found, `
			SELECT id, true AS is_presentation, version + edits AS number FROM presentations
			WHERE id IN (SELECT unhex(value->>0) FROM json_each(?1))
			UNION ALL SELECT poll_id, false, revision FROM poll_states
			WHERE poll_id IN (SELECT unhex(value->>0) FROM json_each(?2))`, args[0], args[1])
	})
	if err != nil {
		return poll.Newest{}, err
	}
	for _, f := range found {
		newest.Add(f.ID, f.IsPresentation, f.Number)
	}
	return newest, nil
}

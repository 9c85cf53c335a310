package feeds

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// readTimeout bounds a read of a poll, for which others wait.
const readTimeout = 2 * time.Second

// reads reads polls for many at once.
type reads = live.Reads[uuid.UUID, *feed.Poll]

func newReads(store feed.Store) *reads {
	return live.NewReads(func(ctx context.Context, id uuid.UUID) (*feed.Poll, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		found, err := store.Polls(ctx, []uuid.UUID{id})
		if err != nil {
			return nil, err
		}
		p, ok := found[id]
		if !ok {
			return nil, fault.Errorf(fault.NotFound, "there is no such poll")
		}
		return &p, nil
	})
}

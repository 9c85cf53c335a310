package talks

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/talk"
)

// readTimeout bounds a read of ratings, for which others wait.
const readTimeout = 2 * time.Second

// encoded is a talk of one read, with its ratings as they are answered. They are encoded once, when
// they are first wanted so.
type encoded struct {
	talk.Talk
	body, veiled func() ([]byte, error)
}

// newReads reads talks for many at once.
func newReads(store talk.Store) *live.Reads[uuid.UUID, *encoded] {
	return live.NewReads(func(ctx context.Context, id uuid.UUID) (*encoded, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		t, err := store.Talk(ctx, id)
		if err != nil {
			return nil, err
		}
		e := &encoded{Talk: t}
		encode := func(owner bool) func() ([]byte, error) {
			return sync.OnceValues(func() ([]byte, error) {
				return json.Marshal(toRatings(&e.Talk, owner))
			})
		}
		e.body, e.veiled = encode(true), encode(false)
		return e, nil
	})
}

package polls

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
)

// waitingStore answers a read of results, and the writes of passes, when their context has ended.
type waitingStore struct {
	*room
	asked chan struct{} // a token per call
}

func (s waitingStore) Grant(ctx context.Context, _ uuid.UUID, _ int) (int, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return 0, fault.Unavailablef(ctx.Err(), "away")
}

func (s waitingStore) Results(ctx context.Context, _, _ uuid.UUID) (poll.Results, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return poll.Results{}, fault.Unavailablef(ctx.Err(), "away")
}

func TestWhatRunsForTheRoutesLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		store := waitingStore{newRoom(t), make(chan struct{}, 9)}
		cache := stage.NewCache(store, time.Now)
		t.Cleanup(func() { lifetest.Stop(t, cache) })
		s := newTestServer()
		running := s.With(Services{Store: store, Cache: cache, Bus: store.bus, Passes: thePasses})
		return lifetest.Made{Service: running, Work: func() {
			go func() { _, _ = s.results.Results(context.Background(), aTalk, aPoll) }()
			p, _, err := s.entrance.take(roomKey{presentation: aTalk},
				limit.Address(netip.MustParseAddr("192.0.2.1")))
			require.NoError(t, err)
			<-store.asked
			<-store.asked
			require.False(t, p.refused(), "it is being written")
			s.topics.present.join(aTalk, false)
		}}
	})
}

func TestAPresenceWhoseStreamsHaveEndedLives(t *testing.T) {
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		ctx, end := context.WithCancel(context.Background())
		p := newPresence(ctx, &said{}, slog.New(slog.DiscardHandler))
		return lifetest.Made{Service: p, Work: end}
	})
}

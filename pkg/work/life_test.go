package work

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestAWorkerLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		log, end := newSpy(t, 2)
		t.Cleanup(end)
		toy := &toy{ids: map[uuid.UUID]bool{}}
		w := New(Config{
			Stream: log, Partitions: 2, Applier: toy, IDs: toy, Bus: &awayBus{},
			Logger: slog.New(slog.DiscardHandler),
		})
		running := life.Loop(func(ctx context.Context) { w.Run(ctx) })
		return lifetest.Made{Service: running, Work: func() {
			for partition := range 2 {
				e := queue.Entry{ID: uuid.New(), Body: []byte("a")}
				err := log.Publish(t.Context(), partition, e, func(error) {})
				require.NoError(t, err)
			}
			require.Eventually(t, func() bool { return w.Ready() == nil },
				10*time.Second, time.Millisecond)
		}}
	})
}

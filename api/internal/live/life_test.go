package live

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestAHubLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		h := newHall(t)
		hub := New(context.Background(), Config{
			Features: []Feature{h}, Bus: h.bus, Logger: slog.New(slog.DiscardHandler),
			First: func(bus.Change) {},
		})
		return lifetest.Made{Service: hub, Work: func() {
			require.NotEmpty(t, h.view(hub, false, false).next())
			h.view(hub, true, true) // and one that reads nothing
		}}
	})
}

func TestAHubWhoseBrokerIsSilentLives(t *testing.T) {
	h := newHall(t)
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		ctx, end := context.WithCancel(context.Background())
		end() // a stop ends the streams first
		return lifetest.Made{Service: New(ctx, Config{
			Features: []Feature{h}, Bus: frozen{h.bus, nil}, First: func(bus.Change) {},
		})}
	})
}

func TestReadsLive(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		_, c := newSlowReader(time.Hour)
		return lifetest.Made{Service: c, Work: func() {
			go func() { _, _ = c.Read(context.Background(), "a poll") }()
			require.Eventually(t, func() bool { return c.Len() > 0 }, 10*time.Second,
				time.Millisecond)
		}}
	})
}

func TestAReadAfterTheStopIsRefused(t *testing.T) {
	_, c := newSlowReader(0)
	lifetest.Stop(t, c)
	_, err := c.Read(t.Context(), "a poll")
	require.Equal(t, errStopping, err)
}

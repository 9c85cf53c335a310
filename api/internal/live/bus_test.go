package live

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// slow is data whose encoding begins, and then waits until it may end.
type slow struct {
	text
	begins func()
	ends   <-chan struct{}
}

func (s slow) MarshalJSON() ([]byte, error) {
	s.begins()
	<-s.ends
	return json.Marshal(s.text)
}

func TestAnEncodingHoldsUpNeitherLeasesNorOtherTopics(t *testing.T) {
	h, other := newHall(t), newHall(t)
	other.bus = h.bus
	begun, ends := make(chan struct{}), make(chan struct{})
	begins := sync.OnceFunc(func() { close(begun) })
	h.told = func(s text) Fitting { return slow{s, begins, ends} }
	var dropped atomic.Int64
	hub := New(t.Context(), Config{
		Features: []Feature{h, other}, Bus: h.bus, Logger: slog.New(slog.DiscardHandler),
		First: func(bus.Change) { dropped.Add(1) },
	})
	lifetest.Start(t, hub)
	end := sync.OnceFunc(func() { close(ends) })
	defer end() // before the hub is closed

	there := other.view(hub, false, false)
	require.NoError(t, there.SetDeadline(time.Now().Add(10*time.Second)))
	require.Equal(t, `head "a title"`, there.next())
	require.Equal(t, `body "a body"`, there.next())
	here := h.view(hub, false, false)
	<-begun
	h.say(uuid.New(), func() {})
	h.say(uuid.Nil, func() {})
	other.say(uuid.Nil, func() { other.title = "another" })
	require.Equal(t, `head "another"`, there.next(), "other topics are awakened")
	require.EqualValues(t, 3, dropped.Load())
	end()
	require.Equal(t, `head "a title"`, here.next())
	require.Equal(t, `body "a body"`, here.next())
}

// frozen is a bus whose broker says nothing for a while.
type frozen struct {
	bus.Bus
	thaws <-chan struct{}
}

func (b frozen) Subscribe(ctx context.Context) <-chan bus.Change {
	changes := b.Bus.Subscribe(ctx)
	select {
	case <-b.thaws:
	case <-ctx.Done():
	}
	return changes
}

func TestAHubIsThereWhenItHearsTheBus(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var heard []bus.Change
			thaws, there := make(chan struct{}), make(chan *Hub, 1)
			go func() {
				hub := New(ctx, Config{
					Features: []Feature{h}, Bus: frozen{h.bus, thaws},
					First: func(c bus.Change) { heard = append(heard, c) },
				})
				assert.NoError(t, hub.Start())
				there <- hub
			}()
			synctest.Wait()
			require.Empty(t, there, "somebody might vote meanwhile")
			said := bus.Change{Thing: uuid.New()}
			require.NoError(t, h.bus.Announce(ctx, said))
			want := []bus.Change{said}
			if stops {
				stop()
				synctest.Wait()
				require.Len(t, there, 1, "a stop does not wait for a broker")
				want = []bus.Change{{}, said} // somebody may have read before the broker told of it
			}
			close(thaws)
			hub := <-there
			synctest.Wait()
			require.Equal(t, want, heard)
			lifetest.Stop(t, hub)
		})
	}
}

func TestAHubThatHearsNothingYetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		hub := New(ctx, Config{
			Features: []Feature{h}, Bus: frozen{h.bus, nil}, First: func(bus.Change) {},
		})
		require.NoError(t, hub.Start())
		lifetest.Stop(t, hub)
	})
}

package live

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// halls is a hall whose topics follow its thing, whatever they are called.
type halls struct{ *hall }

func (h halls) Open(any) Source { return &follower{hallSource{hall: h.hall, id: h.id}} }

type follower struct{ hallSource }

func (f *follower) Follows() []any { return []any{uuid.Nil, f.id} }

func TestATopicHearsOfAllThatItFollowsAndSoDoOthers(t *testing.T) {
	h := newHall(t)
	hub := New(t.Context(), Config{
		Features: []Feature{halls{h}}, Bus: h.bus, Logger: slog.New(slog.DiscardHandler),
	})
	lifetest.Start(t, hub)
	names := []Name{{halls{h}, uuid.New()}, {halls{h}, uuid.New()}}
	for _, name := range names {
		require.NoError(t, hub.Await(t.Context(), name, ""))
	}
	hub.mu.Lock()
	require.Len(t, hub.followers[Name{halls{h}, h.id}], 2)
	require.Empty(t, hub.followers[names[0]], "nothing is told of its own key")
	topics := []*topic{hub.topics[names[0]].topic, hub.topics[names[1]].topic}
	hub.mu.Unlock()
	before := []*state{topics[0].state.Load(), topics[1].state.Load()}
	h.say(uuid.Nil, func() { h.title = "another title" })
	for i := range topics {
		<-before[i].next // it has read, and shows what it read
	}
	lifetest.Stop(t, hub)
	require.Empty(t, hub.followers, "what nobody views follows nothing")
}

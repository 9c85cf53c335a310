package live

import (
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
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
	t.Cleanup(hub.Close)
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

package live

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// hall is a feature with one topic: its head is a title, and its body a text.
type hall struct {
	t   *testing.T
	bus *inproc.Bus
	id  uuid.UUID

	mu     sync.Mutex
	title  text
	body   text
	veiled bool               // the body is hidden from others, who see "…"
	told   func(text) Fitting // how the body is told; nil: as it is
	did    []string
	gone   bool
}

// text is data that is as long as it may be.
type text string

func (s text) Fit(room int) Fitting { return s[:min(len(s), room-len(`""`))] }

func newHall(t *testing.T) *hall {
	h := &hall{t: t, bus: inproc.NewBus(), id: uuid.New(), title: "a title", body: "a body"}
	t.Cleanup(func() { require.NoError(t, h.bus.Close()) })
	return h
}

func (h *hall) Topic(c bus.Change) any { return c.Thing }

func (h *hall) Open(key any) Source { return &hallSource{hall: h, id: key.(uuid.UUID)} }

func (h *hall) Look(_ context.Context, views []View) (int, func(View, time.Time) Want, error) {
	return len(views), func(View, time.Time) Want { return Want{} }, nil
}

// change changes it without a word.
func (h *hall) change(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// say changes it, and says so.
func (h *hall) say(part uuid.UUID, change func()) {
	h.change(change)
	said := bus.Change{Thing: h.id, Part: part, Version: 1}
	require.NoError(h.t, h.bus.Announce(h.t.Context(), said))
}

// note is told of what is done, in order.
func (h *hall) note(what string) { h.change(func() { h.did = append(h.did, what) }) }

func (h *hall) noted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.did...)
}

// hub makes a hub over it, which ends with the test.
func (h *hall) hub(t *testing.T) *Hub {
	hub := New(t.Context(), Config{
		Features: []Feature{h}, Bus: h.bus, Logger: slog.New(slog.DiscardHandler),
		First: func(bus.Change) { h.note("leases are dropped") },
	})
	lifetest.Start(t, hub)
	return hub
}

func (h *hall) name() Name { return Name{h, h.id} }

// view makes a viewer over a pipe, which holds nothing back: a write waits until it is read.
func (h *hall) view(hub *Hub, seesAll, onStage bool) *viewer {
	ours, theirs := net.Pipe()
	h.t.Cleanup(func() { _ = ours.Close() })
	v := Viewer{Topic: h.name(), SeesAll: seesAll, OnStage: onStage}
	hub.Watch(theirs, v, []byte("retry: 1\n\n"))
	return &viewer{ours, bufio.NewReader(ours)}
}

// viewer is a client of a stream.
type viewer struct {
	net.Conn
	from *bufio.Reader
}

// next gives the name and the data of the next event; empty: the stream has ended.
func (v *viewer) next() (event string) {
	for {
		line, err := v.from.ReadString('\n')
		if err != nil {
			return ""
		}
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSuffix(name, "\n")
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return event + " " + strings.TrimSuffix(data, "\n")
		}
	}
}

// hallSource reads a hall.
type hallSource struct {
	*hall
	id   uuid.UUID
	view hallView
}

// hallView is what was read of it.
type hallView struct{ title, body text }

func (s *hallSource) Head(context.Context, time.Time) (News, error) {
	s.note("the head is read")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.id != s.hall.id {
		return News{}, fault.Errorf(fault.NotFound, "there is no such hall")
	}
	moved := s.view.title != s.title
	s.view.title = s.title
	if !moved {
		return News{}, nil
	}
	e := Event{Name: "head", ID: "1", Data: s.title}
	return News{Changed: true, Moved: true, Events: []Event{e}}, nil
}

func (s *hallSource) Body(context.Context, Depth) (News, error) {
	s.note("the body is read")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view.body == s.body {
		return News{}, nil
	}
	s.view.body = s.body
	e := Event{Part: "body", Name: "body", ID: "1", Data: s.body}
	if s.told != nil {
		e.Data = s.told(s.body)
	}
	if s.veiled {
		e.Veiled = text("…")
	}
	return News{Changed: true, Events: []Event{e}}, nil
}

func (s *hallSource) View() View { return s.view }

func (hallView) Behind(lastEventID string) bool { return lastEventID == "2" }

func (hallView) Main() any { return "body" }

func (hallView) Heard(c bus.Change) Want {
	if c.Part == uuid.Nil {
		return Want{Since: time.Now()}
	}
	return Want{Depth: Main}
}

func (hallView) Soon() bool { return false }

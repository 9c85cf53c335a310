package live

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// serve answers every request with a stream of the hall, until stop.
func (h *hall) serve(hub *Hub) (addr string, stop func()) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error {
		return hub.Answer(c.Context(), c, Viewer{Topic: h.name()})
	})
	server := app.Server()
	server.Handler = eventloop.Handle(server.Handler)
	server.ConnState, server.KeepHijackedConns = eventloop.State, true
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(h.t, err)
	fibers := func(*eventloop.Conn, []byte) bool { return false }
	silence := eventloop.Silence{First: time.Minute, Then: time.Minute}
	front := eventloop.Wrap(ln, silence, fibers, server.ServeConn)
	require.NoError(h.t, front.Start())
	served := make(chan error, 1)
	go func() { served <- app.Listener(front) }()
	return ln.Addr().String(), func() {
		require.NoError(h.t, ln.Close())
		require.NoError(h.t, app.Shutdown())
		require.NoError(h.t, <-served)
		lifetest.Stop(h.t, front)
	}
}

func TestStreamsThatHaveEndedLeaveNothing(t *testing.T) {
	h := newHall(t)
	hub := h.hub(t)
	addr, stop := h.serve(hub)
	var viewers []*viewer
	for range 7 {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		require.NoError(t, err)
		v := &viewer{conn, bufio.NewReader(conn)}
		require.Equal(t, `head "a title"`, v.next())
		viewers = append(viewers, v)
	}
	hub.mu.Lock()
	topic := hub.topics[h.name()]
	require.Equal(t, 7, topic.viewers)
	hub.mu.Unlock()
	require.EqualValues(t, 7, topic.crowd.Load())
	for _, v := range viewers {
		require.NoError(t, v.Close())
	}
	require.Eventually(t, func() bool {
		hub.mu.Lock()
		defer hub.mu.Unlock()
		return topic.viewers == 0 && topic.crowd.Load() == 0 && hub.wanted.Load() == 0 &&
			len(topic.seats.take(nil, 0, rows)) == 0
	}, 10*time.Second, time.Millisecond)
	stop()
	require.Empty(t, hub.guests.from)
}

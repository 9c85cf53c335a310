package live

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
)

// Config is what a hub is made of.
type Config struct {
	Features []Feature // the first ones; Add adds more
	Bus      bus.Bus
	First    func(bus.Change) // as of Add; nil: none
	Logger   *slog.Logger
}

// New makes a hub whose streams end with ctx.
func New(ctx context.Context, c Config) *Hub {
	h := &Hub{
		features: c.Features, bus: c.Bus,
		following: life.NewTasks(), topics: map[Name]*viewed{},
		followers: map[Name]map[*viewed]struct{}{},
	}
	if c.First != nil {
		h.first = append(h.first, c.First)
	}
	streams, end := context.WithCancel(ctx)
	h.replica = &replica{ctx: streams, logger: c.Logger, slowest: slowest}
	h.end = end
	h.guests.from = map[netip.Prefix][]*guest{}
	return h
}

// Start begins to follow the bus, which goes on until Stop. It returns when the bus is heard, or
// when the streams end.
func (h *Hub) Start() error {
	if err := h.following.Start(); err != nil {
		return err
	}
	heard := make(chan struct{})
	if !h.following.Go(func(ctx context.Context) { h.listen(ctx, heard) }) ||
		!h.following.Go(func(context.Context) { h.lookout(h.ctx) }) {
		return life.ErrStopped
	}
	select {
	case <-heard:
	case <-h.ctx.Done():
	}
	return nil
}

// listen hears changes until ctx ends, and closes heard when it does.
func (h *Hub) listen(ctx context.Context, heard chan<- struct{}) {
	hear := func(change bus.Change) {
		for _, first := range h.first {
			first(change)
		}
		h.heard(change)
	}
	changes := h.bus.Subscribe(ctx) // a broker may leave that waiting
	if h.ctx.Err() != nil {
		hear(bus.Change{}) // somebody may have read what has changed since
	}
	close(heard)
	for change := range changes {
		hear(change)
	}
}

// Stop ends everything that runs and waits for it. Nothing begins after it.
func (h *Hub) Stop(ctx context.Context) error {
	h.end()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	return cmp.Or(h.following.Stop(ctx), life.Wait(ctx, &h.running))
}

// streamShare is how many percent of its connections a replica gives to streams: a vote must not
// wait behind a viewer.
const streamShare = 80

// errFull is the answer where there is no room, and nobody has more of it than who asks.
var errFull = fault.Errorf(fault.Unavailable, "too many people are watching on this replica")

// Answer answers a request with a stream that has no end. The request's context bounds how long it
// waits for the topic's state. fasthttp's own streams keep a request's memory, some 30 KB, and
// cannot tell a client that went from one that is silent. So the connection leaves the server when
// the answer's head is made.
func (h *Hub) Answer(ctx context.Context, c *fiber.Ctx, v Viewer) error {
	full := false
	if conn, ok := accepted(c.Context().Conn()).(listened); ok {
		connections, share := conn.Limits()
		if share > 0 && h.guests.of(v.Client) >= share {
			return fault.Errorf(fault.Busy, "too many streams of this address are open")
		}
		full = h.open.Load() >= int64(connections)*streamShare/100
	}
	if full && !h.guests.hasRoomFor(v.Client) {
		return errFull
	}
	if err := h.Await(ctx, v.Topic, c.Get("Last-Event-ID")); err != nil {
		return err
	}
	if full && c.Method() != http.MethodHead && !h.guests.makeRoomFor(v.Client) {
		return errFull
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // a proxy passes each event on at once
	fctx := c.Context()
	fctx.SetConnectionClose() // the stream's end is the connection's
	if c.Method() == http.MethodHead {
		return nil
	}
	fctx.HijackSetNoResponse(true)
	fctx.Hijack(func(hijacked net.Conn) {
		conn := hijacked.(interface{ UnsafeConn() net.Conn }).UnsafeConn()
		prepare(conn)
		head := append([]byte(nil), fctx.Response.Header.Header()...)
		// A room that loses its replica must not knock at the next one in the same instant.
		head = append(head, "retry: "+strconv.Itoa(1000+rand.IntN(1000))+"\n\n"...)
		h.Watch(conn, v, head)
	})
	return nil
}

package httpapi

import (
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// streamBuffer is what the kernel keeps of a stream for a slow client, in bytes: what waits there is old.
const streamBuffer = 16 << 10

// vanishedAfter is how long a client may leave what was sent to it unacknowledged. A heartbeat to a phone out of reach fails no
// write, since the kernel takes it, and the kernel would try to deliver it for a quarter of an hour, in which it sends no keep-alive.
const vanishedAfter = 25 * time.Second

// streamShare is how many percent of its connections a replica gives to streams: who votes must not wait behind who watches.
const streamShare = 80

// errFull is what who would watch is told when there is no room, and nobody who takes more of it.
var errFull = fault.Errorf(fault.Unavailable, "too many people are watching on this replica")

// getEvents answers with a stream that has no end. fasthttp's own streams keep a request's memory, some 30 KB, and cannot
// tell a client that went from one that is silent; so the connection leaves the server when the answer's head is made.
func getEvents(c *call) error {
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	hub := c.server.hub
	role, err := c.role(ctx, id)
	if err != nil {
		return err
	}
	presenter := role >= toSee
	onStage := c.isOnStage(presenter)
	key := c.streamKey()
	client, full := c.server.clientAddr(c.Ctx), false
	if slot, ok := slotOf(c.Context().Conn()); ok {
		if share := slot.listener.share; share > 0 && hub.guests.of(client) >= share {
			return fault.Errorf(fault.Busy, "too many streams of this address are open")
		}
		full = hub.open.Load() >= int64(cap(slot.listener.slots))*streamShare/100
	}
	if full && !hub.guests.hasRoomFor(client) {
		return errFull
	}
	if err := hub.await(ctx, id, parseEventID(c.Get("Last-Event-ID"))); err != nil {
		return err
	}
	if full && c.Method() != http.MethodHead && !hub.guests.makeRoomFor(client) {
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
		if slot, ok := slotOf(conn); ok {
			if tcp, ok := slot.Conn.(*net.TCPConn); ok {
				_ = tcp.SetWriteBuffer(streamBuffer)
				setUserTimeout(tcp, vanishedAfter)
			}
		}
		head := append([]byte(nil), fctx.Response.Header.Header()...)
		// A room that loses its replica must not knock at the next one in the same instant.
		head = append(head, "retry: "+strconv.Itoa(1000+rand.IntN(1000))+"\n\n"...)
		if onStage && !c.server.Open {
			hub.keys.add(conn, id, key)
		}
		hub.watch(conn, client, id, head, presenter, onStage)
	})
	return nil
}

// Streams tells of event streams: how many are open, and since the start how many events were sent on them and how many were
// cut off because their client was too slow.
func (s *Server) Streams() (open, sent, cut int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.hub == nil {
		return 0, 0, 0
	}
	return s.hub.open.Load(), s.hub.sent.Load(), s.hub.cut.Load()
}

type wireShown struct {
	Version int64     `json:"version"`
	Poll    *wirePoll `json:"poll"` // null: nothing is displayed
	Voting  string    `json:"voting,omitempty"`
	Code    string    `json:"join_code,omitempty"`
	More    bool      `json:"more,omitempty"` // the poll has options, and there was no room for them
}

func toShown(d poll.Display) wireShown {
	w := wireShown{Version: d.Version, Code: d.JoinCode}
	if d.Poll != nil {
		p := toWire(d.Poll)
		w.Poll, w.Voting = &p, votingOf(d)
	}
	return w
}

// wireTally is an option without its value, which everybody knows who saw the poll: results are sent ten times a second.
type wireTally struct {
	Key   string `json:"key"`
	Count int64  `json:"count"`
}

func toTallies(r poll.Results) wireResults[wireTally] {
	return toResults(&r, func(o question.Option, count int64) wireTally { return wireTally{o.Key, count} })
}

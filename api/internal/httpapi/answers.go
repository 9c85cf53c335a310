package httpapi

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/fault"
)

// What answers may take together while they are not sent. A client takes what it asked for in its own time, and anybody may ask.
const (
	// smallAnswer is the size up to which an answer is no matter: a connection has buffers of that size anyway, and so has its
	// socket. A vote's answer is far below it.
	smallAnswer = 16 << 10
	maxUnsent   = 32 << 20 // bytes of large answers that are being sent
	maxUnsaid   = 8 << 20  // bytes of those that wait for others to be sent
	// unsentPatience is how long an answer waits for room. One that tells of a change waits longer, as long as a call may: what
	// it tells of was done.
	unsentPatience = time.Second
	// Each of these may have a whole presentation in its hands, which takes ten times its text.
	maxChanges    = 4
	maxAllResults = 4
)

// bounded lets every large answer take room in the server's budget until it is sent, or its connection is closed. Who finds no room
// waits a little, and gets 503. Small answers, event streams, and whatever is in memory anyway are never held back.
func (s *Server) bounded(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	res := c.Response()
	if res.IsBodyStream() || c.Method() == http.MethodHead { // a stream has a memory of its own, which does not grow
		return nil
	}
	body := res.Body()
	if len(body) <= smallAnswer {
		return nil
	}
	release := func() {}
	if !budget.IsStanding(c) {
		var err error
		if release, err = s.hold(c, body); err != nil {
			return err
		}
	}
	_ = res.SwapBody(nil) // it is ours now: fasthttp uses it again only if it gets it back
	res.SetBodyStream(&sending{bytes.NewReader(body), s.leave(c), release}, len(body))
	return nil
}

// ofTheAnswer are header fields that tell of an answer which is not sent after all.
var ofTheAnswer = []string{
	fiber.HeaderETag, fiber.HeaderCacheControl, fiber.HeaderContentDisposition, fiber.HeaderContentEncoding, fiber.HeaderContentLanguage,
	fiber.HeaderLink,
}

// hold takes room for an answer. Where there is none, what was said of the answer already is taken back.
func (s *Server) hold(c *fiber.Ctx, body []byte) (release func(), err error) {
	patience, done := unsentPatience, false
	switch method := c.Method(); {
	case len(body) <= smallAnswer, method == http.MethodHead:
		return func() {}, nil
	case method != http.MethodGet:
		patience, done = callTimeout, true
	}
	ctx, cancel := context.WithTimeout(s.requests, patience)
	defer cancel()
	release, err = s.unsent.Hold(ctx, body)
	if err == nil {
		return release, nil
	}
	for _, name := range ofTheAnswer {
		c.Response().Header.Del(name)
	}
	if done {
		err = fault.Unavailablef(err, "this was done, but there is no room for the answer: too many large ones are being sent")
	}
	return nil, err
}

// load takes a turn at reading a whole presentation and writing it down, and gives the context of what the request asks of the
// services meanwhile.
func (c *call) load() (ctx context.Context, done func(), err error) { return c.turn(c.server.Costly) }

// change takes a turn at writing a presentation or a part of it, as load does. Take it when the body has arrived, and before it is
// decoded: what it says is as large.
func (c *call) change() (ctx context.Context, done func(), err error) {
	return c.turn(c.server.changes)
}

func (c *call) turn(turns *budget.Turns) (ctx context.Context, done func(), err error) {
	ctx, cancel := c.timeout()
	end, err := turns.Take(ctx)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, func() { end(); cancel() }, nil
}

// sending is a large answer on its way.
type sending struct {
	*bytes.Reader
	leaving leaving
	release func()
}

// WriteTo implements io.WriterTo, by which fasthttp sends.
func (s *sending) WriteTo(w io.Writer) (int64, error) {
	s.leaving.again()
	return s.Reader.WriteTo(w)
}

// Close implements io.Closer. fasthttp closes an answer when it was sent, and when it cannot be.
func (s *sending) Close() error {
	s.leaving.unwatch()
	s.release()
	return nil
}

// leaving gives a client drainTime to take what it asked for when the server stops, which does not wait for who reads slowly.
type leaving struct {
	conn    net.Conn
	stops   context.Context // of the server
	unwatch func() bool
}

// leave begins to watch for the server's stop, until unwatch is called.
func (s *Server) leave(c *fiber.Ctx) leaving {
	l := leaving{conn: c.Context().Conn(), stops: s.streams}
	l.unwatch = context.AfterFunc(l.stops, l.hurry)
	return l
}

func (l leaving) hurry() { _ = l.conn.SetWriteDeadline(time.Now().Add(drainTime)) }

// again is for when fasthttp has set its own deadline, which it does when the handler has returned.
func (l leaving) again() {
	if l.stops.Err() != nil {
		l.hurry()
	}
}

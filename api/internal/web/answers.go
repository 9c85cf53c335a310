package web

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

const (
	// CallTimeout bounds what one request may ask of the services.
	CallTimeout = 5 * time.Second
	// DrainTime is how long a server that stops goes on answering on the connections that it has.
	// Each answer then says that its connection closes; who asks nothing in that time is closed
	// without a word.
	DrainTime = time.Second
)

// What answers may take together while they are not sent. A client takes what it asked for in its
// own time, and anybody may ask.
const (
	// SmallAnswer is the size up to which an answer is no matter: a connection has buffers of that
	// size anyway, and so has its socket. A vote's answer is far below it.
	SmallAnswer = 16 << 10
	maxUnsent   = 32 << 20 // bytes of large answers that are being sent
	maxUnsaid   = 8 << 20  // bytes of those that wait for others to be sent
	// unsentPatience is how long an answer waits for room. One that tells of a change waits
	// longer, as long as a call may: what it tells of was done.
	unsentPatience = time.Second
)

// Life is how long what a server does may take.
type Life struct {
	Streaming context.Context // of answers that are sent bit by bit; ends when the server stops
	// of everything that requests ask of the services; ends when these end
	Requests context.Context
}

// Answers are those that are being sent.
type Answers struct {
	life   Life
	Unsent *budget.Bytes // of large ones
}

// bounded lets every large answer take room in the server's budget until it is sent, or its
// connection is closed. Who finds no room waits a little, and gets 503. Small answers, event
// streams, and whatever is in memory anyway are never held back.
func (a *Answers) bounded(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	res := c.Response()
	// a stream has a memory of its own, which does not grow
	if res.IsBodyStream() || c.Method() == http.MethodHead {
		return nil
	}
	body := res.Body()
	if len(body) <= SmallAnswer {
		return nil
	}
	release := func() {}
	if !budget.IsStanding(c) {
		var err error
		if release, err = a.Hold(c, body); err != nil {
			return err
		}
	}
	_ = res.SwapBody(nil) // it is ours now: fasthttp uses it again only if it gets it back
	res.SetBodyStream(&sending{bytes.NewReader(body), a.leave(c), release}, len(body))
	return nil
}

// ofTheAnswer are header fields that tell of an answer which is not sent after all.
var ofTheAnswer = []string{
	fiber.HeaderETag, fiber.HeaderCacheControl, fiber.HeaderContentDisposition,
	fiber.HeaderContentEncoding, fiber.HeaderContentLanguage,
	fiber.HeaderLink,
}

// Hold takes room for an answer. Where there is none, what was said of the answer already is taken
// back.
func (a *Answers) Hold(c *fiber.Ctx, body []byte) (release func(), err error) {
	patience, done := unsentPatience, false
	switch method := c.Method(); {
	case len(body) <= SmallAnswer, method == http.MethodHead:
		return func() {}, nil
	case method != http.MethodGet:
		patience, done = CallTimeout, true
	}
	ctx, cancel := context.WithTimeout(a.life.Requests, patience)
	defer cancel()
	release, err = a.Unsent.Hold(ctx, body)
	if err == nil {
		return release, nil
	}
	for _, name := range ofTheAnswer {
		c.Response().Header.Del(name)
	}
	if done {
		err = fault.Unavailablef(err,
			"this was done, but there is no room for the answer: "+
				"too many large ones are being sent")
	}
	return nil, err
}

// Room takes room for so many bytes of which a list is made while it is sent, for a request that
// only reads. Few bytes take none. Unavailable: there is no room for a second.
func (a *Answers) Room(size int) (release func(), err error) {
	if size <= SmallAnswer {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(a.life.Requests, unsentPatience)
	defer cancel()
	return a.Unsent.Room(ctx, size)
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

// leaving gives a client DrainTime to take what it asked for when the server stops, which does not
// wait for who reads slowly.
type leaving struct {
	conn    net.Conn
	stops   context.Context // of the server
	unwatch func() bool
}

// leave begins to watch for the server's stop, until unwatch is called.
func (a *Answers) leave(c *fiber.Ctx) leaving {
	l := leaving{conn: c.Context().Conn(), stops: a.life.Streaming}
	l.unwatch = context.AfterFunc(l.stops, l.hurry)
	return l
}

func (l leaving) hurry() { _ = l.conn.SetWriteDeadline(time.Now().Add(DrainTime)) }

// again is for when fasthttp has set its own deadline, which it does when the handler has returned.
func (l leaving) again() {
	if l.stops.Err() != nil {
		l.hurry()
	}
}

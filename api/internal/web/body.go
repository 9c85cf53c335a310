package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// MaxBody is how many bytes a body may have that is not held to less.
	MaxBody = 1 << 20
	// SmallBody is what a body may take of the memory without a share of maxBodyBytes, and be
	// decoded without a turn.
	SmallBody = 16 << 10
	// maxBodyBytes bounds the larger bodies that are being read or worked with, in all.
	maxBodyBytes = 16 << 20
	// beginning is the memory with which a body begins that announces more.
	beginning = 4 << 10
)

// BodyLimit holds the bodies of some paths to less than MaxBody.
type BodyLimit struct {
	End   string // of the paths
	Bytes int
	What  string // the body is, as "a vote"
}

// refuse is the answer to a body that is larger.
func (l BodyLimit) refuse() error {
	return fault.Errorf(fault.TooLarge, "%s has at most %d bytes", l.What, l.Bytes)
}

// BodyLimits are those of an application.
type BodyLimits []BodyLimit

// of gives the limit of a body, by the request's target.
func (all BodyLimits) of(target []byte) BodyLimit {
	path, _, _ := bytes.Cut(target, []byte{'?'})
	for _, l := range all {
		if bytes.HasSuffix(path, []byte(l.End)) {
			return l
		}
	}
	return BodyLimit{Bytes: MaxBody, What: "a body"}
}

// What headReceived finds. refusedField is no name that a client can send: it holds a space.
var (
	refusedField  = []byte("refused by its head")
	refusedBody   = []byte("body")
	refusedFrames = []byte("framing")
)

// headReceived is told of every head before anything of its body is read. A request that is
// refused by it has no body from then on, and is the last of its connection.
func (all BodyLimits) headReceived(head *fasthttp.RequestHeader) fasthttp.RequestConfig {
	var why []byte
	switch {
	case !PlainlyFramed(head):
		why = refusedFrames
	case head.ContentLength() > all.of(head.RequestURI()).Bytes:
		why = refusedBody
	default:
		// what comes behind a body in chunks, whose trailer is read leniently, is no request
		if len(head.Peek(fiber.HeaderTransferEncoding)) > 0 {
			head.SetConnectionClose()
		}
		return fasthttp.RequestConfig{}
	}
	head.SetContentLength(0)
	head.Del(fiber.HeaderExpect)
	head.SetConnectionClose()
	head.SetCanonical(refusedField, why)
	return fasthttp.RequestConfig{}
}

// read reads a request's body before its route works with it: so that its memory is what has
// arrived, and at most the limit. Larger bodies take room. An answer that is given before the
// client has sent all closes the connection. A connection may give way while its body arrives;
// then no route runs.
func (all BodyLimits) read(c *fiber.Ctx, room *semaphore.Weighted) error {
	limit := all.of(c.Request().RequestURI())
	switch why := c.Request().Header.PeekCanonical(refusedField); {
	case bytes.Equal(why, refusedFrames):
		return unwanted(c, fiber.ErrBadRequest)
	case bytes.Equal(why, refusedBody):
		return unwanted(c, limit.refuse())
	}
	stream := c.Request().BodyStream()
	if stream == nil {
		return c.Next()
	}
	share := &bodyShare{of: room}
	defer share.giveBack()
	body, err := readBody(stream, c.Request().Header.ContentLength(), limit, share.take)
	if err != nil {
		return unwanted(c, readError(err))
	}
	if turn, ok := c.Context().Conn().(*eventloop.Turn); ok && !turn.Whole() {
		return unwanted(c, fault.Errorf(Aborted, "the connection gave way"))
	}
	c.Request().SetBodyRaw(body)
	return c.Next()
}

// unwanted ends the connection with the answer err, which the client can read although it is still
// sending.
func unwanted(c *fiber.Ctx, err error) error {
	c.Context().SetConnectionClose()
	linger(c.Context())
	return err
}

func linger(fctx *fasthttp.RequestCtx) {
	if turn, ok := fctx.Conn().(*eventloop.Turn); ok {
		turn.Linger()
	}
}

// readBody reads a body of as many bytes as were announced, or of a number that only its end tells
// (-1). Its memory grows with what has arrived; what is more than SmallBody has to be taken first.
func readBody(
	r io.Reader, announced int, limit BodyLimit, take func(bytes int) bool,
) ([]byte, error) {
	size := beginning
	switch {
	case announced == 0:
		return nil, nil
	case announced > 0:
		size = min(size, announced)
	}
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			size := min(2*cap(body), limit.Bytes+1)
			if size > SmallBody && !take(size-max(cap(body), SmallBody)) {
				return nil, fault.Errorf(fault.Unavailable, "too many large requests at once")
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit.Bytes:
			return nil, limit.refuse()
		case errors.Is(err, io.EOF) && len(body) < announced:
			return nil, io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}

// bodyShare is what one request has of a number of bytes.
type bodyShare struct {
	of    *semaphore.Weighted
	taken int64
}

func (s *bodyShare) take(bytes int) bool {
	if !s.of.TryAcquire(int64(bytes)) {
		return false
	}
	s.taken += int64(bytes)
	return true
}

func (s *bodyShare) giveBack() { s.of.Release(s.taken) }

// readError says what is to be answered where reading a request gave err. An error that is an
// answer stays what it is.
func readError(err error) error {
	var network net.Error
	switch {
	case isAnswer(err):
		return err
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return fiber.ErrRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fiber.ErrRequestEntityTooLarge
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed):
		return fault.Errorf(Aborted, "the client went away")
	case errors.As(err, &network) && network.Timeout():
		return fiber.ErrRequestTimeout
	}
	return fiber.ErrBadRequest
}

func isAnswer(err error) bool {
	_, known := errors.AsType[*fault.Error](err)
	return known
}

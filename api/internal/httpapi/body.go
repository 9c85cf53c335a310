package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// smallBody is what a body may take of the memory without a share of maxBodyBytes, and be decoded without a turn.
	smallBody = 16 << 10
	// maxBodyBytes bounds the larger bodies that are being read or worked with, in all.
	maxBodyBytes = 16 << 20
	// beginning is the memory with which a body begins that announces more.
	beginning = 4 << 10
)

// What headReceived finds. refusedField is no name that a client can send: it holds a space.
var (
	refusedField  = []byte("refused by its head")
	refusedBody   = []byte("body")
	refusedFrames = []byte("framing")
)

// bodyLimit gives how many bytes a body may have, by the request's target.
func bodyLimit(target []byte) int {
	path, _, _ := bytes.Cut(target, []byte{'?'})
	if bytes.HasSuffix(path, voteEnd) || bytes.HasSuffix(path, voterEnd) {
		return maxVoteBody
	}
	return maxBody
}

// voteEnd and voterEnd are what the paths of what an audience sends end in.
var voteEnd, voterEnd = []byte(behindID), []byte("/voters")

// headReceived is told of every head before anything of its body is read. A request that is refused by it has no body from then on, and
// is the last of its connection.
func headReceived(head *fasthttp.RequestHeader) fasthttp.RequestConfig {
	var why []byte
	switch {
	case !plainlyFramed(head):
		why = refusedFrames
	case head.ContentLength() > bodyLimit(head.RequestURI()):
		why = refusedBody
	default:
		if len(head.Peek(fiber.HeaderTransferEncoding)) > 0 { // what comes behind a body in chunks, whose trailer is read leniently, is no request
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

// body reads a request's body before its route works with it: so that its memory is what has arrived, and at most the limit. An answer that
// is given before the client has sent all closes the connection. A connection may give way while its body arrives; then no route runs.
func (s *Server) body(c *fiber.Ctx) error {
	limit := bodyLimit(c.Request().RequestURI())
	switch why := c.Request().Header.PeekCanonical(refusedField); {
	case bytes.Equal(why, refusedFrames):
		return s.unwanted(c, fiber.ErrBadRequest)
	case bytes.Equal(why, refusedBody):
		return s.unwanted(c, tooLarge(limit))
	}
	stream := c.Request().BodyStream()
	if stream == nil {
		return c.Next()
	}
	share := &bodyShare{of: s.bodies}
	defer share.giveBack()
	body, err := readBody(stream, c.Request().Header.ContentLength(), limit, share.take)
	if err != nil {
		return s.unwanted(c, readError(err))
	}
	if turn, ok := c.Context().Conn().(*eventloop.Turn); ok && !turn.Whole() {
		return s.unwanted(c, fault.Errorf(aborted, "the connection gave way"))
	}
	c.Request().SetBodyRaw(body)
	return c.Next()
}

// tooLarge is the answer to a body of more than limit bytes.
func tooLarge(limit int) error {
	if limit == maxVoteBody {
		return fault.Errorf(fault.TooLarge, "a vote has at most %d bytes", limit)
	}
	return fault.Errorf(fault.TooLarge, "a body has at most %d bytes", limit)
}

// unwanted ends the connection with the answer err, which the client can read although it is still sending.
func (s *Server) unwanted(c *fiber.Ctx, err error) error {
	c.Context().SetConnectionClose()
	linger(c.Context())
	return err
}

func linger(fctx *fasthttp.RequestCtx) {
	if turn, ok := fctx.Conn().(*eventloop.Turn); ok {
		turn.Linger()
	}
}

// readBody reads a body of as many bytes as were announced, or of a number that only its end tells (-1). Its memory grows with what
// has arrived; what is more than smallBody has to be taken first.
func readBody(r io.Reader, announced, limit int, take func(bytes int) bool) ([]byte, error) {
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
			size := min(2*cap(body), limit+1)
			if size > smallBody && !take(size-max(cap(body), smallBody)) {
				return nil, fault.Errorf(fault.Unavailable, "too many large requests at once")
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, tooLarge(limit)
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

// unread answers a request that could not be read, which no handler has seen.
func (s *Server) unread(fctx *fasthttp.RequestCtx, err error) {
	c := s.app.AcquireCtx(fctx)
	defer s.app.ReleaseCtx(c)
	linger(fctx)
	if err := s.fail(c, readError(err)); err != nil {
		fctx.SetStatusCode(http.StatusInternalServerError)
	}
	s.Observe("other", "unmatched", fctx.Response.StatusCode(), 0)
}

// readError says what is to be answered where reading a request gave err. An error that is an answer stays what it is.
func readError(err error) error {
	var network net.Error
	switch {
	case isAnswer(err):
		return err
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return fiber.ErrRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fiber.ErrRequestEntityTooLarge
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fault.Errorf(aborted, "the client went away")
	case errors.As(err, &network) && network.Timeout():
		return fiber.ErrRequestTimeout
	}
	return fiber.ErrBadRequest
}

func isAnswer(err error) bool {
	_, known := errors.AsType[*fault.Error](err)
	return known
}

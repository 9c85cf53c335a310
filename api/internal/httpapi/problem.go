package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// Codes of problems that are not the domain's.
const (
	unauthorized         fault.Code = "unauthorized"
	forbidden            fault.Code = "forbidden"
	createKeyMissing     fault.Code = "create_key_missing"
	createKeyWrong       fault.Code = "create_key_wrong"
	unsupportedMediaType fault.Code = "unsupported_media_type"
	payloadTooLarge      fault.Code = "payload_too_large"
	internal             fault.Code = "internal"
	aborted              fault.Code = "aborted" // for the log and metrics: its client hears nothing any more
)

// statusAborted is what NGINX, too, calls it where a client went away before its answer.
const statusAborted = 499

// statuses maps the kinds of errors to HTTP, once.
var statuses = map[fault.Code]int{
	fault.Invalid:        http.StatusBadRequest,
	fault.NotFound:       http.StatusNotFound,
	poll.NotDisplayed:    http.StatusConflict,
	poll.TooLate:         http.StatusConflict,
	poll.OutOfPolls:      http.StatusConflict,
	fault.Conflict:       http.StatusConflict,
	poll.HasBeenShown:    http.StatusConflict,
	poll.NotFinal:        http.StatusConflict,
	poll.LastPoll:        http.StatusConflict,
	poll.NotFreeText:     http.StatusConflict,
	poll.WordBanned:      http.StatusConflict,
	fault.Stale:          http.StatusPreconditionFailed,
	fault.Busy:           http.StatusTooManyRequests,
	access.NoPass:        http.StatusUnauthorized,
	access.BadPass:       http.StatusUnauthorized,
	access.OldPass:       http.StatusUnauthorized,
	access.BadPasscode:   http.StatusForbidden,
	access.NoPasses:      http.StatusConflict,
	access.RoomFull:      http.StatusConflict,
	fault.Unavailable:    http.StatusServiceUnavailable,
	unauthorized:         http.StatusUnauthorized,
	forbidden:            http.StatusForbidden,
	createKeyMissing:     http.StatusUnauthorized,
	createKeyWrong:       http.StatusForbidden,
	unsupportedMediaType: http.StatusUnsupportedMediaType,
	payloadTooLarge:      http.StatusRequestEntityTooLarge,
	internal:             http.StatusInternalServerError,
	aborted:              statusAborted,
}

// fiberCodes names what Fiber refuses by itself.
var fiberCodes = map[int]struct {
	code   fault.Code
	detail string
}{
	http.StatusNotFound:                    {fault.NotFound, "there is no such path"},
	http.StatusMethodNotAllowed:            {"method_not_allowed", "this path does not take that method"},
	http.StatusRequestEntityTooLarge:       {payloadTooLarge, "the body is too large"},
	http.StatusUnsupportedMediaType:        {unsupportedMediaType, "this path does not take that content type"},
	http.StatusRequestHeaderFieldsTooLarge: {"headers_too_large", "the headers are too large"},
	http.StatusRequestTimeout:              {"timeout", "the request did not arrive in time"},
	http.StatusBadRequest:                  {fault.Invalid, "the request cannot be read"},
}

// problem is an answer after RFC 9457.
type problem struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Code      fault.Code `json:"code"`
	Detail    string     `json:"detail"`
	Field     string     `json:"field,omitempty"`
	RequestID string     `json:"request_id"`

	wait time.Duration // after which trying again may help; 0: nobody knows
}

// problemOf says of an error what people outside may know.
func problemOf(err error) problem {
	p := problem{Type: "about:blank", Code: internal, Detail: "something went wrong on our side"}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		if known, ok := fiberCodes[e.Code]; ok {
			p.Code, p.Detail, p.Status = known.code, known.detail, e.Code
		}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		if status, ok := statuses[e.Code]; ok {
			p.Code, p.Detail, p.Field, p.Status, p.wait = e.Code, e.Detail, e.Field, status, e.Wait
		}
	}
	if p.Status == 0 {
		p.Status = statuses[p.Code]
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func (p problem) send(c *fiber.Ctx) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(max(1, int(math.Ceil(p.wait.Seconds())))))
	case http.StatusUnauthorized:
		realm := `Bearer realm="presenter"`
		switch p.Code {
		case createKeyMissing:
			realm = `Bearer realm="create"`
		case access.NoPass, access.BadPass, access.OldPass:
			realm = `Pass realm="voters"`
		}
		c.Set(fiber.HeaderWWWAuthenticate, realm)
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(p.Status).Send(body)
}

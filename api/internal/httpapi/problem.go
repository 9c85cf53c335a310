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
)

// Codes of problems that are not the domain's. The last two are of no kind that a caller can do anything about.
var (
	createKeyMissing = fault.Unauthenticated.Named("create_key_missing")
	createKeyWrong   = fault.Forbidden.Named("create_key_wrong")
	internal         = fault.Code{Kind: "internal", Name: "internal"}
	aborted          = fault.Code{Kind: "aborted", Name: "aborted"} // for the log and metrics: its client hears nothing any more
)

// statusAborted is what NGINX, too, calls it where a client went away before its answer.
const statusAborted = 499

// statuses maps the kinds of errors to HTTP, once.
var statuses = map[fault.Kind]int{
	fault.Invalid.Kind:         http.StatusBadRequest,
	fault.Unauthenticated.Kind: http.StatusUnauthorized,
	fault.Forbidden.Kind:       http.StatusForbidden,
	fault.NotFound.Kind:        http.StatusNotFound,
	fault.Conflict.Kind:        http.StatusConflict,
	fault.Stale.Kind:           http.StatusPreconditionFailed,
	fault.TooLarge.Kind:        http.StatusRequestEntityTooLarge,
	fault.Unsupported.Kind:     http.StatusUnsupportedMediaType,
	fault.Busy.Kind:            http.StatusTooManyRequests,
	fault.Unavailable.Kind:     http.StatusServiceUnavailable,
	internal.Kind:              http.StatusInternalServerError,
	aborted.Kind:               statusAborted,
}

// fiberCodes names what Fiber refuses by itself.
var fiberCodes = map[int]struct {
	code   string
	detail string
}{
	http.StatusNotFound:                    {fault.NotFound.Name, "there is no such path"},
	http.StatusMethodNotAllowed:            {"method_not_allowed", "this path does not take that method"},
	http.StatusRequestEntityTooLarge:       {fault.TooLarge.Name, "the body is too large"},
	http.StatusUnsupportedMediaType:        {fault.Unsupported.Name, "this path does not take that content type"},
	http.StatusRequestHeaderFieldsTooLarge: {"headers_too_large", "the headers are too large"},
	http.StatusRequestTimeout:              {"timeout", "the request did not arrive in time"},
	http.StatusBadRequest:                  {fault.Invalid.Name, "the request cannot be read"},
}

// problem is an answer after RFC 9457.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id"`

	wait time.Duration // after which trying again may help; 0: nobody knows
}

// problemOf says of an error what people outside may know.
func problemOf(err error) problem {
	p := problem{Type: "about:blank", Code: internal.Name, Status: statuses[internal.Kind], Detail: "something went wrong on our side"}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		if known, ok := fiberCodes[e.Code]; ok {
			p.Code, p.Detail, p.Status = known.code, known.detail, e.Code
		}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		if status, ok := statuses[e.Code.Kind]; ok {
			p.Code, p.Detail, p.Field, p.Status, p.wait = e.Code.Name, e.Detail, e.Field, status, e.Wait
		}
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
		case createKeyMissing.Name:
			realm = `Bearer realm="create"`
		case access.NoPass.Name, access.BadPass.Name, access.OldPass.Name:
			realm = `Pass realm="voters"`
		}
		c.Set(fiber.HeaderWWWAuthenticate, realm)
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(p.Status).Send(body)
}

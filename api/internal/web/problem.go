package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Codes of problems that are not the domain's. The last two are of no kind that a caller can do
// anything about.
var (
	CreateKeyMissing = fault.Unauthenticated.Named("create_key_missing").
				Asking(`Bearer realm="create"`)
	CreateKeyWrong = fault.Forbidden.Named("create_key_wrong")
	internal       = fault.Code{Kind: "internal", Name: "internal"}
	// for the log and metrics: its client hears nothing any more
	Aborted = fault.Code{Kind: "aborted", Name: "aborted"}
)

// StatusAborted is what NGINX, too, calls it where a client went away before its answer.
const StatusAborted = 499

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
	Aborted.Kind:               StatusAborted,
}

// fiberCodes names what Fiber refuses by itself.
var fiberCodes = map[int]struct {
	code   string
	detail string
}{
	http.StatusNotFound:              {fault.NotFound.Name, "there is no such path"},
	http.StatusMethodNotAllowed:      {"method_not_allowed", "this path does not take that method"},
	http.StatusRequestEntityTooLarge: {fault.TooLarge.Name, "the body is too large"},
	http.StatusUnsupportedMediaType: {
		fault.Unsupported.Name, "this path does not take that content type",
	},
	http.StatusRequestHeaderFieldsTooLarge: {"headers_too_large", "the headers are too large"},
	http.StatusRequestTimeout:              {"timeout", "the request did not arrive in time"},
	http.StatusBadRequest:                  {fault.Invalid.Name, "the request cannot be read"},
}

// problem is an answer after RFC 9457.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	Detail    string  `json:"detail"`
	Field     string  `json:"field,omitempty"`
	Errors    []wrong `json:"errors,omitempty"` // all fields, where several are wrong
	RequestID string  `json:"request_id"`

	wait time.Duration // after which trying again may help; 0: nobody knows
}

// wrong is one of several fields that are wrong.
type wrong struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// problemOf says of an error what people outside may know.
func problemOf(err error) problem {
	p := problem{
		Type: "about:blank", Code: internal.Name, Status: statuses[internal.Kind],
		Detail: "something went wrong on our side",
	}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		if known, ok := fiberCodes[e.Code]; ok {
			p.Code, p.Detail, p.Status = known.code, known.detail, e.Code
		}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		if status, ok := statuses[e.Code.Kind]; ok {
			p.Status, p.Code, p.Detail = status, e.Code.Name, e.Detail
			p.Field, p.wait = e.Field, e.Wait
			for _, w := range e.Wrongs {
				p.Errors = append(p.Errors, wrong(w))
			}
		}
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// Refusal is what an error is answered with, beside what every answer has.
type Refusal struct {
	Status int
	Fields []Field
	Body   []byte // a problem
}

// Field is a header field.
type Field struct{ Name, Value string }

// ProblemType is the content type of a refusal.
const ProblemType = "application/problem+json"

// RefusalOf says of an error how the request with that id is answered. It is the only place where
// errors become HTTP.
func RefusalOf(err error, requestID string) Refusal {
	p := problemOf(err)
	p.RequestID = requestID
	r := Refusal{Status: p.Status}
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		seconds := max(1, int(math.Ceil(p.wait.Seconds())))
		r.Fields = append(r.Fields, Field{fiber.HeaderRetryAfter, strconv.Itoa(seconds)})
	case http.StatusUnauthorized:
		challenge := cmp.Or(fault.CodeOf(err).Challenge, `Bearer realm="presenter"`)
		r.Fields = append(r.Fields, Field{fiber.HeaderWWWAuthenticate, challenge})
	}
	r.Body, _ = json.Marshal(p) // of texts and a number: there is no error
	return r
}

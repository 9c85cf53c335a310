package web

import (
	"bytes"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Lines gives a header field whose value is a list, which may come in several lines (RFC 9110,
// section 5.3).
func Lines(c *fiber.Ctx, name string) string {
	switch all := c.Request().Header.PeekAll(name); len(all) {
	case 0:
		return ""
	case 1:
		return string(all[0])
	default:
		return string(bytes.Join(all, []byte(", ")))
	}
}

// ParseID reads an id. One that is no UUID names nothing; the nil UUID is a mistake.
func ParseID(field, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	switch {
	case err != nil || len(s) != len("00000000-0000-0000-0000-000000000000"):
		return uuid.Nil, fault.Errorf(fault.NotFound, "%s names nothing", field)
	case id == uuid.Nil:
		return uuid.Nil, fault.Field(field, "must not be the nil UUID")
	}
	return id, nil
}

// Bearer gives the token of a request's Authorization; empty: there is none.
func Bearer(c *fiber.Ctx) string {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// IdempotencyKey gives the key by which a client says that a request is the same as one before;
// Nil: none.
func IdempotencyKey(c *fiber.Ctx) (uuid.UUID, error) {
	text := c.Get("Idempotency-Key")
	if text == "" {
		return uuid.Nil, nil
	}
	key, err := ParseID("Idempotency-Key", text)
	if err != nil {
		return uuid.Nil, fault.Field("Idempotency-Key", "must be a UUID and not the nil UUID")
	}
	return key, nil
}

// EqualFold says whether the name of a field, or a value, is one that is given in lower case.
func EqualFold(text []byte, lower string) bool {
	return len(text) == len(lower) && strings.EqualFold(string(text), lower)
}

// ParseTime reads a time of a body, and takes note of what is none. nil is the zero time.
func ParseTime(field string, text *string, wrongs *fault.Wrongs) (at time.Time) {
	if text == nil {
		return at
	}
	at, err := time.Parse(time.RFC3339, *text)
	if err != nil || at.IsZero() {
		wrongs.Add(field, `must be a time of RFC 3339, such as "2027-05-04T09:30:00Z"`)
		return time.Time{}
	}
	return at
}

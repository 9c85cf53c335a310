package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// decode reads a JSON body into v.
func decode(c *fiber.Ctx, v any) error {
	if err := isJSON(c); err != nil {
		return err
	}
	return unmarshal(c, v)
}

// isJSON checks what the headers say of the body.
func isJSON(c *fiber.Ctx) error {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return poll.Errorf(unsupportedMediaType, "the body must not be compressed")
	}
	said := c.Get(fiber.HeaderContentType)
	if said == fiber.MIMEApplicationJSON { // as nearly always
		return nil
	}
	if media, _, err := mime.ParseMediaType(said); err != nil || media != fiber.MIMEApplicationJSON {
		return poll.Errorf(unsupportedMediaType, "the content type must be application/json")
	}
	return nil
}

// unmarshal reads the body. Everything in v is a copy: Fiber uses its buffers again. The body is taken as it came:
// Fiber's own Body would unpack a compressed one without a bound.
func unmarshal(c *fiber.Ctx, v any) error {
	if len(c.Request().Body()) > maxBody {
		return poll.Errorf(payloadTooLarge, "a body has at most %d bytes", maxBody)
	}
	err := json.Unmarshal(c.Request().Body(), v)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := e.Field
		if field == "" {
			field = "body"
		}
		return poll.Field(field, "must not be a JSON %s", e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return poll.Field("body", "is no JSON: byte %d is wrong, or the end is missing", e.Offset)
	}
	if err != nil {
		return poll.Field("body", "is no JSON")
	}
	return nil
}

// lines gives a header field whose value is a list, which may come in several lines (RFC 9110, section 5.3).
func lines(c *fiber.Ctx, name string) string {
	switch all := c.Request().Header.PeekAll(name); len(all) {
	case 0:
		return ""
	case 1:
		return string(all[0])
	default:
		return string(bytes.Join(all, []byte(", ")))
	}
}

// parseID reads an id. One that is no UUID names nothing; the nil UUID is a mistake.
func parseID(field, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	switch {
	case err != nil || len(s) != len("00000000-0000-0000-0000-000000000000"):
		return uuid.Nil, poll.Errorf(poll.NotFound, "%s names nothing", field)
	case id == uuid.Nil:
		return uuid.Nil, poll.Field(field, "must not be the nil UUID")
	}
	return id, nil
}

type wireOption struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type wireCount struct {
	wireOption
	Count int64 `json:"count"`
}

// wirePoll is a poll without anything about its votes.
type wirePoll struct {
	PollID     uuid.UUID    `json:"poll_id"`
	Question   string       `json:"question"`
	Kind       poll.Kind    `json:"kind"`
	MaxChoices int          `json:"max_choices"`
	Options    []wireOption `json:"options"`

	Visibility poll.Visibility `json:"results_visibility"`
}

func toWire(p *poll.Poll) wirePoll {
	w := wirePoll{p.ID, p.Question, p.Kind, p.MaxChoices, make([]wireOption, len(p.Options)), p.Visibility}
	for i, o := range p.Options {
		w.Options[i] = wireOption(o)
	}
	return w
}

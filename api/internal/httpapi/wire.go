package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// decode reads a JSON body into v.
func (c *call) decode(v any) error {
	if err := isJSON(c.Ctx); err != nil {
		return err
	}
	return c.unmarshal(v)
}

// unmarshal reads the body into v. A large one takes a turn at what is costly: to decode a megabyte takes as long as some thousand votes.
func (c *call) unmarshal(v any) error {
	if len(c.Request().Body()) > smallBody {
		ctx, cancel := c.timeout()
		defer cancel()
		end, err := c.server.Costly.TakeLong(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	return unmarshal(c.Ctx, v)
}

// isJSON checks what the headers say of the body.
func isJSON(c *fiber.Ctx) error {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fault.Errorf(fault.Unsupported, "the body must not be compressed")
	}
	said := c.Get(fiber.HeaderContentType)
	if said == fiber.MIMEApplicationJSON { // as nearly always
		return nil
	}
	if media, _, err := mime.ParseMediaType(said); err != nil || media != fiber.MIMEApplicationJSON {
		return fault.Errorf(fault.Unsupported, "the content type must be application/json")
	}
	return nil
}

// unmarshal reads the body. Everything in v is a copy: Fiber uses its buffers again. The body is taken as it came:
// Fiber's own Body would unpack a compressed one without a bound.
func unmarshal(c *fiber.Ctx, v any) error {
	err := json.Unmarshal(c.Request().Body(), v)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.Field(fieldAt(c.Request().Body(), e), "must not be a JSON %s", e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.Field("body", "is no JSON: byte %d is wrong, or the end is missing", e.Offset)
	}
	if err != nil {
		return fault.Field("body", "is no JSON")
	}
	return nil
}

// fieldAt names the value that has the wrong type, as polls[1].question. The error itself knows the names, but of lists it knows only
// where in the body it was; so the body is read once more, up to there.
func fieldAt(body []byte, e *json.UnmarshalTypeError) string {
	names := strings.Split(e.Field, ".")
	if e.Field == "" {
		names = nil
	}
	var field strings.Builder
	for _, step := range stepsTo(body, e.Offset) {
		switch {
		case step >= 0:
			field.WriteString("[" + strconv.Itoa(step) + "]")
		case len(names) == 0: // what it says and what is there do not match
			return cmp.Or(e.Field, "body")
		default:
			if field.Len() > 0 {
				field.WriteByte('.')
			}
			field.WriteString(names[0])
			names = names[1:]
		}
	}
	if len(names) > 0 {
		return e.Field
	}
	return cmp.Or(field.String(), "body")
}

// member is a step into an object; one into a list is an index.
const member = -2

// stepsTo gives the way from the whole of a JSON text to the value that ends at offset, or that begins there if it is a list or an object.
func stepsTo(text []byte, offset int64) (steps []int) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // no number is too large for that
	named := false
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		inner := len(steps) - 1
		delim, _ := token.(json.Delim)
		switch {
		case delim == ']' || delim == '}':
			steps = steps[:inner]
			continue
		case inner >= 0 && steps[inner] == member && !named:
			named = true // this was the name
			continue
		case inner >= 0 && steps[inner] != member:
			steps[inner]++
		}
		if d.InputOffset() >= offset {
			return steps
		}
		named = false
		switch delim {
		case '[':
			steps = append(steps, -1)
		case '{':
			steps = append(steps, member)
		}
	}
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
		return uuid.Nil, fault.Errorf(fault.NotFound, "%s names nothing", field)
	case id == uuid.Nil:
		return uuid.Nil, fault.Field(field, "must not be the nil UUID")
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
	PollID     uuid.UUID     `json:"poll_id"`
	Question   string        `json:"question"`
	Kind       question.Kind `json:"kind"`
	MaxChoices int           `json:"max_choices"`
	Options    []wireOption  `json:"options"`

	Visibility poll.Visibility `json:"results_visibility"`
}

func toWire(p *poll.Poll) wirePoll {
	w := wirePoll{p.ID, p.Text, p.Kind, p.MaxChoices, make([]wireOption, len(p.Options)), p.Visibility}
	for i, o := range p.Options {
		w.Options[i] = wireOption(o)
	}
	return w
}

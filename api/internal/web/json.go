package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/fault"
)

// IsJSON checks what the headers say of the body.
func IsJSON(c *fiber.Ctx) error {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" &&
		!strings.EqualFold(encoding, "identity") {
		return fault.Errorf(fault.Unsupported, "the body must not be compressed")
	}
	said := c.Get(fiber.HeaderContentType)
	if said == fiber.MIMEApplicationJSON { // as nearly always
		return nil
	}
	if media, _, err := mime.ParseMediaType(said); err != nil ||
		media != fiber.MIMEApplicationJSON {
		return fault.Errorf(fault.Unsupported, "the content type must be application/json")
	}
	return nil
}

// Unmarshal reads the body. Everything in v is a copy: Fiber uses its buffers again. The body is
// taken as it came: Fiber's own Body would unpack a compressed one without a bound.
func Unmarshal(c *fiber.Ctx, v any) error {
	body := c.Request().Body()
	return unmarshalError(body, json.Unmarshal(body, v))
}

// unmarshalError says of an error of reading a body what its client may know.
func unmarshalError(body []byte, err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.Field(fieldAt(body, e), "must not be a JSON %s", e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.Field("body", "is no JSON: byte %d is wrong, or the end is missing", e.Offset)
	}
	if err != nil {
		return fault.Field("body", "is no JSON")
	}
	return nil
}

// fieldAt names the value that has the wrong type, as polls[1].question. The error itself knows
// the names, but of lists it knows only where in the body it was. So the body is read once more,
// up to there.
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

// stepsTo gives the way from the whole of a JSON text to the value that ends at offset. If the
// value is a list or an object, it begins there.
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

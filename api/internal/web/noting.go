package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/plenary-live/plenary/pkg/fault"
)

// passes is how often a body is read at most in order to name all members of a wrong type. No body
// of ours has so many; one that says a member again and again must not be read for each.
const passes = 16

// DecodeNoting is Decode, but takes note of each member that has a wrong type, and goes on as if it
// were null. So all that is wrong with a body can be told at once. Of a body larger than SmallBody
// the first such member is the error. Errors: as Decode, also of a body that is nothing like v.
func (c *Call) DecodeNoting(v any, wrongs *fault.Wrongs) error {
	if len(c.Request().Body()) > SmallBody {
		return c.Decode(v)
	}
	if err := IsJSON(c.Ctx); err != nil {
		return err
	}
	return UnmarshalNoting(c.Request().Body(), v, wrongs)
}

// DecodeNotingPlain is DecodeNoting of what DecodePlain takes.
func (c *Call) DecodeNotingPlain(v any, wrongs *fault.Wrongs) error {
	if err := c.Plain(); err != nil {
		return err
	}
	return c.DecodeNoting(v, wrongs)
}

// UnmarshalNoting is DecodeNoting of a JSON text. Everything in v is a copy.
func UnmarshalNoting(text []byte, v any, wrongs *fault.Wrongs) error {
	small := len(text) <= SmallBody
	for pass := 1; ; pass++ {
		err := json.Unmarshal(text, v)
		e, wrongType := errors.AsType[*json.UnmarshalTypeError](err)
		if !wrongType || !small || pass == passes {
			return unmarshalError(text, err)
		}
		field := fieldAt(text, e)
		if field == "body" {
			return unmarshalError(text, err)
		}
		wrongs.Add(field, "must not be a JSON %s", e.Value)
		from, to := valueAt(text, e.Offset)
		text = slices.Concat(text[:from], []byte("null"), text[to:])
	}
}

// between is what stands between a JSON value and the token before it.
const between = " \t\r\n,:"

// valueAt gives where the value stands that ends at offset. If it is a list or an object, it begins
// there. The text is JSON that has such a value.
func valueAt(text []byte, offset int64) (from, to int64) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // no number is too large for that
	for depth := 0; depth > 0 || d.InputOffset() < offset; {
		if depth == 0 {
			from = d.InputOffset()
		}
		token, err := d.Token()
		if err != nil {
			return 0, int64(len(text))
		}
		if d.InputOffset() < offset {
			continue
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	for strings.IndexByte(between, text[from]) >= 0 {
		from++
	}
	return from, d.InputOffset()
}

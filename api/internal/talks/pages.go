package talks

import (
	"encoding/base64"
	"strconv"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What a page holds.
const (
	usualPage = 100
	maxPage   = 1000
)

func (c *call) limit() (int, error) {
	query := c.Request().URI().QueryArgs()
	if !query.Has("limit") {
		return usualPage, nil
	}
	n, err := strconv.Atoi(string(query.Peek("limit")))
	if err != nil || n < 1 || n > maxPage {
		return 0, fault.Field("limit", "must be a number from 1 to %d", maxPage)
	}
	return n, nil
}

// cursors are opaque to clients: what they hold may change.
var cursors = base64.RawURLEncoding.Strict()

// cursor reads the one of a request, of so many bytes; nil: none.
func (c *call) cursor(size int) ([]byte, error) {
	query := c.Request().URI().QueryArgs()
	if !query.Has("cursor") {
		return nil, nil
	}
	text := string(query.Peek("cursor"))
	b, err := cursors.DecodeString(text)
	if err != nil || len(b) != size || cursors.EncodeToString(b) != text {
		return nil, fault.Field("cursor", "must be what next gave")
	}
	return b, nil
}

// page is a part of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

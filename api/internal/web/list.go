package web

import (
	"encoding/base64"
	"strconv"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Sizes of a page of a list.
const (
	UsualPage = 50
	MaxPage   = 100
)

// ListOf is a page of a list as it is answered. Items is never null.
type ListOf[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"` // the cursor of the page behind it; null: this is the last one
}

// cursors are opaque to clients: what they hold may change.
var cursors = base64.RawURLEncoding.Strict()

// LimitOf gives how many items a client wants of a list, at most so many: usual where its query
// does not say. Errors: Invalid.
func LimitOf(query *fasthttp.Args, usual, most int) (int, error) {
	if !query.Has("limit") {
		return usual, nil
	}
	limit, err := strconv.Atoi(string(query.Peek("limit")))
	if err != nil || limit < 1 || limit > most {
		return 0, fault.Field("limit", "must be a number from 1 to %d", most)
	}
	return limit, nil
}

// Cursor gives the place behind which a client wants a list to go on, as PageOf was told it. A
// place has so many bytes. nil: from the beginning. Errors: Invalid.
func (c *Call) Cursor(size int) ([]byte, error) {
	query := c.Context().QueryArgs()
	if !query.Has("cursor") {
		return nil, nil
	}
	said := string(query.Peek("cursor"))
	place, _ := cursors.DecodeString(said) // of what is wrong, the length or the way back tells
	if len(place) != size || cursors.EncodeToString(place) != said {
		return nil, fault.Field("cursor", "must be what next of another page was")
	}
	return place, nil
}

// CursorOf gives the cursor that Cursor reads as a place.
func CursorOf(place []byte) *string { return new(cursors.EncodeToString(place)) }

// Page reads what a client asks for of a list that is ordered by ids. These are at most limit items
// behind the one with the id after. Nil: from the beginning.
func (c *Call) Page() (after uuid.UUID, limit int, err error) {
	if limit, err = LimitOf(c.Context().QueryArgs(), UsualPage, MaxPage); err != nil {
		return uuid.Nil, 0, err
	}
	place, err := c.Cursor(len(after))
	if err != nil || place == nil {
		return uuid.Nil, limit, err
	}
	if after = uuid.UUID(place); after == uuid.Nil {
		return uuid.Nil, 0, fault.Field("cursor", "must be what next of another page was")
	}
	return after, limit, nil
}

// PageOf makes a page of what was read, of which one item more than limit is there if there are so
// many. place gives where an item stands, as Cursor gives it back. An id does for that as well.
// show gives an item as it is answered.
func PageOf[T, W any](
	read []T, limit int, place func(*T) []byte, show func(*T) W,
) ListOf[W] {
	page := ListOf[W]{Items: make([]W, min(len(read), limit))}
	for i := range page.Items {
		page.Items[i] = show(&read[i])
	}
	if len(read) > limit {
		page.Next = CursorOf(place(&read[limit-1]))
	}
	return page
}

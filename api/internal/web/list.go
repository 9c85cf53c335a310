package web

import (
	"encoding/base64"
	"strconv"

	"github.com/google/uuid"

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

// Page reads what a client asks for of a list that is ordered by ids. These are at most limit items
// behind the one with the id after. Nil: from the beginning.
func (c *Call) Page() (after uuid.UUID, limit int, err error) {
	limit = UsualPage
	if c.Context().QueryArgs().Has("limit") {
		limit, err = strconv.Atoi(c.Query("limit"))
		if err != nil || limit < 1 || limit > MaxPage {
			return uuid.Nil, 0, fault.Field("limit", "must be a number from 1 to %d", MaxPage)
		}
	}
	if !c.Context().QueryArgs().Has("cursor") {
		return uuid.Nil, limit, nil
	}
	said := c.Query("cursor")
	b, _ := cursors.DecodeString(said) // of what is wrong, the length or the way back tells
	after, err = uuid.FromBytes(b)
	if err != nil || after == uuid.Nil || cursors.EncodeToString(after[:]) != said {
		return uuid.Nil, 0, fault.Field("cursor", "must be what next of another page was")
	}
	return after, limit, nil
}

// PageOf makes a page of items of which one more than limit was read, if there are so many.
func PageOf[T any](items []T, limit int, id func(T) uuid.UUID) ListOf[T] {
	if len(items) <= limit {
		return ListOf[T]{Items: append([]T{}, items...)}
	}
	last := id(items[limit-1])
	next := cursors.EncodeToString(last[:])
	return ListOf[T]{Items: items[:limit], Next: &next}
}

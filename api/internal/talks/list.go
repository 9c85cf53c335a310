package talks

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// find gives the talk of a code, if there is one.
func (c *call) find(ctx context.Context, typed string) ([]talk.Talk, error) {
	code := access.CleanCode(typed)
	if !access.IsCode(code) {
		return nil, nil
	}
	t, err := c.Store.Find(ctx, code)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []talk.Talk{t}, nil
}

// placeIn gives where a talk stands in the programme, as placeOf reads it.
func placeIn(t *talk.Talk) []byte {
	place := make([]byte, placeSize-len(t.ID), placeSize)
	if !t.StartsAt.IsZero() {
		binary.BigEndian.PutUint64(place, uint64(t.StartsAt.UnixMilli()))
	}
	return append(place, t.ID[:]...)
}

// placeSize is how many bytes a place has: milliseconds, and an id.
const placeSize = 8 + 16

func placeOf(b []byte) *talk.Place {
	if b == nil {
		return nil
	}
	p := &talk.Place{ID: uuid.UUID(b[8:])}
	if millis := binary.BigEndian.Uint64(b); millis != 0 {
		p.StartsAt = time.UnixMilli(int64(millis)).UTC() //nolint:gosec // any number will do
	}
	return p
}

// Sizes of a page of the programme.
const (
	usualPage = 100
	maxPage   = 1000
)

// list answers with the programme, in a turn at what is costly, or with the talk of a code. A hall
// asks for that one, so it waits for nobody.
func list(c *call) error {
	query := c.Context().QueryArgs()
	limit, err := web.LimitOf(query, usualPage, maxPage)
	if err != nil {
		return err
	}
	place, err := c.Cursor(placeSize)
	if err != nil {
		return err
	}
	if query.Has("code") {
		ctx, cancel := c.Timeout()
		defer cancel()
		found, err := c.find(ctx, string(query.Peek("code")))
		return c.programme(found, limit, err)
	}
	ctx, done, err := c.Turn(c.Site.Costly)
	if err != nil {
		return err
	}
	defer done()
	talks, err := c.Store.List(ctx, placeOf(place), limit+1)
	return c.programme(talks, limit, err)
}

// programme answers with a page of the talks that were read.
func (c *call) programme(talks []talk.Talk, limit int, err error) error {
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization)
	return c.JSON(web.PageOf(talks, limit, placeIn, func(t *talk.Talk) wireTalk {
		return toWire(t, c.owns(t))
	}))
}

package talks

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

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

func placeText(t *talk.Talk) string {
	b := make([]byte, 8, 24)
	if !t.StartsAt.IsZero() {
		binary.BigEndian.PutUint64(b, uint64(t.StartsAt.UnixMilli()))
	}
	return cursors.EncodeToString(append(b, t.ID[:]...))
}

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

// list answers with the programme, or with the talk of a code.
func list(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	place, err := c.cursor(8 + 16)
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	var talks []talk.Talk
	if query := c.Request().URI().QueryArgs(); query.Has("code") {
		if talks, err = c.find(ctx, string(query.Peek("code"))); err != nil {
			return err
		}
		limit++ // there is no next one
	} else if talks, err = c.Store.List(ctx, placeOf(place), limit); err != nil {
		return err
	}
	all := page[wireTalk]{Items: make([]wireTalk, 0, len(talks))}
	for i := range talks {
		all.Items = append(all.Items, toWire(&talks[i], c.owns(&talks[i])))
	}
	if len(talks) == limit {
		all.Next = placeText(&talks[limit-1])
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization)
	return c.JSON(all)
}

package talks

import (
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

func getComments(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	cursor, err := c.cursor(len(uuid.UUID{}))
	if err != nil {
		return err
	}
	before := uuid.Nil
	copy(before[:], cursor)
	ctx, cancel := c.Timeout()
	defer cancel()
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	comments, err := c.Store.Comments(ctx, t.ID, before, limit)
	if err != nil {
		return err
	}
	all := page[wireComment]{Items: make([]wireComment, 0, len(comments))}
	for _, comment := range comments {
		all.Items = append(all.Items, toComment(comment))
	}
	if len(comments) == limit {
		last := comments[limit-1].ID
		all.Next = cursors.EncodeToString(last[:])
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(all)
}

func patchComment(c *call) error {
	var body struct {
		Hidden *bool `json:"hidden"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if body.Hidden == nil {
		return fault.Field("hidden", "is missing")
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	id, err := web.ParseID("comment_id", c.Params("comment_id"))
	if err != nil {
		return err
	}
	if err := c.talks.bounds.edit(t.ID); err != nil {
		return err
	}
	comment, err := c.Hide(ctx, t.ID, id, *body.Hidden)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(toComment(comment))
}

package talks

import (
	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// getComments lists what people wrote, in a turn at what is costly: a page may have 600 KB.
func getComments(c *call) error {
	before, limit, err := c.Page()
	if err != nil {
		return err
	}
	ctx, done, err := c.Turn(c.Site.Costly)
	if err != nil {
		return err
	}
	defer done()
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	comments, err := c.Store.Comments(ctx, t.ID, before, limit+1)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(web.PageOf(comments, limit,
		func(c *talk.Comment) []byte { return c.ID[:] },
		func(c *talk.Comment) wireComment { return toComment(*c) }))
}

func patchComment(c *call) error {
	var body struct {
		Hidden *bool `json:"hidden"`
	}
	if err := c.DecodePlain(&body); err != nil {
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

package polls

import (
	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
)

// isOnStage says whether a stream is a presenter's, to be told of the audience and not counted with
// it: the one place that knows. Where everybody may present (PLENARY_OPEN), who sends no token is
// somebody in the room all the same.
func (c *call) isOnStage(presenter bool) bool {
	return presenter && c.Get(fiber.HeaderAuthorization) != ""
}

// getAudience tells presenters what the event "audience" does, where no stream comes through.
func getAudience(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	if _, err := c.need(ctx, id, toSee); err != nil {
		return err
	}
	audience, err := c.polls.audiences.Read(ctx, id)
	if err != nil {
		return err
	}
	c.use(id)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(audience)
}

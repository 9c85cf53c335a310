package talks

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/talk"
)

// ownTalk is a line of an account's own talks.
type ownTalk struct {
	ID        uuid.UUID `json:"talk_id"`
	Title     string    `json:"title"`
	Code      string    `json:"code"`
	StartsAt  *string   `json:"starts_at"`
	CreatedAt time.Time `json:"created_at"` // informs; nothing is ordered by it
}

// getOwn lists the talks that are the account's own, the newest first.
func getOwn(c *call) error {
	if err := c.LoggedIn(); err != nil {
		return err
	}
	after, limit, err := c.Page()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	owned, err := c.Store.Owned(ctx, talk.Importer{Account: c.By}, after, limit+1)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(web.PageOf(owned, limit, func(t *talk.Talk) []byte { return t.ID[:] },
		func(t *talk.Talk) ownTalk {
			return ownTalk{t.ID, t.Title, t.Code, timeText(t.StartsAt), question.CastAt(t.ID)}
		}))
}

// postClaim makes a talk an account's own, for its owner.
func postClaim(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	account, err := c.Claimant(ctx)
	if err != nil {
		return err
	}
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	if err := c.talks.bounds.edit(t.ID); err != nil {
		return err
	}
	if err := c.Claim(ctx, t.ID, account, c.allow); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

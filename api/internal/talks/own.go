package talks

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
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
	if c.account == uuid.Nil {
		return fault.Errorf(access.NoSession, "this needs the token that log-in gives")
	}
	after, limit, err := c.Page()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	owned, err := c.Store.Owned(ctx, talk.Importer{Account: c.account}, after, limit+1)
	if err != nil {
		return err
	}
	lines := make([]ownTalk, len(owned))
	for i := range owned {
		t := &owned[i]
		lines[i] = ownTalk{t.ID, t.Title, t.Code, timeText(t.StartsAt), question.CastAt(t.ID)}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(web.PageOf(lines, limit, func(t ownTalk) uuid.UUID { return t.ID }))
}

// postClaim makes a talk an account's own, for its owner. The account shows the token that its
// log-in gave.
func postClaim(c *call) error {
	var body struct {
		Token string `json:"account_token"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if !access.IsSession(body.Token) {
		return fault.Field("account_token", "must be a token that log-in gives")
	}
	if c.Site.Sessions == nil {
		return fault.Errorf(access.BadSession, "this server has no accounts")
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	account, err := c.Site.Sessions.Account(ctx, body.Token)
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

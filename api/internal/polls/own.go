package polls

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// ownPresentation is a line of an account's own presentations.
type ownPresentation struct {
	PresentationID uuid.UUID `json:"presentation_id"`
	Title          string    `json:"title"`
	JoinCode       string    `json:"join_code"`
	CreatedAt      time.Time `json:"created_at"` // informs; nothing is ordered by it
}

// getOwn lists the presentations that are the account's own, the newest first.
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
	owned, err := c.Store.Owned(ctx, c.By, after, limit+1)
	if err != nil {
		return err
	}
	c.Set("Cache-Control", "no-store")
	return c.JSON(web.PageOf(owned, limit, func(p *poll.Owned) []byte { return p.ID[:] },
		func(p *poll.Owned) ownPresentation {
			return ownPresentation{p.ID, p.Title, p.JoinCode, question.CastAt(p.ID)}
		}))
}

// postClaim makes a presentation an account's own, for its owner.
func postClaim(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	account, err := c.Claimant(ctx)
	if err != nil {
		return err
	}
	if err := c.grant(func(a *access.Tokens) { a.Account = account }); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

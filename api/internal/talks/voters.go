package talks

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

// postVoter gives somebody a pass, or a new one for the one that they have.
func postVoter(c *call) error {
	var body struct {
		Pass *string `json:"pass"`
	}
	if len(c.Request().Body()) > 0 {
		if err := c.decode(&body); err != nil {
			return err
		}
	}
	id, err := c.talkID()
	if err != nil {
		return err
	}
	key, err := web.IdempotencyKey(c.Ctx)
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	if body.Pass != nil {
		pass, err := c.Passes.Renew(id, []byte(*body.Pass), time.Now())
		return c.pass(http.StatusOK, pass, err)
	}
	pass, err := c.Pass(ctx, id, key)
	if fault.Is(err, access.NoSession) && c.account != uuid.Nil {
		return c.pass(http.StatusCreated, c.AccountPass(id, c.account), nil)
	}
	if err == nil {
		err = c.talks.bounds.pass(id, c.Address())
	}
	return c.pass(http.StatusCreated, pass, err)
}

// pass answers with a pass, which is a person's secret.
func (c *call) pass(status int, pass access.Pass, err error) error {
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).JSON(struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}{pass.Text, pass.Expires.UTC()})
}

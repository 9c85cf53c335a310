package talks

import (
	"net/http"
	"time"

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
		if err := c.DecodePlain(&body); err != nil {
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
		if err != nil {
			return err
		}
		return c.GivePass(http.StatusOK, pass)
	}
	pass, err := c.Pass(ctx, id, key)
	if fault.Is(err, access.NoSession) && c.By != uuid.Nil {
		return c.GivePass(http.StatusCreated, c.AccountPass(id, c.By))
	}
	if err == nil {
		err = c.talks.bounds.pass(id, c.Address())
	}
	if err != nil {
		return err
	}
	return c.GivePass(http.StatusCreated, pass)
}

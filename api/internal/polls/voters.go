package polls

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// newVoter is what somebody says who asks for a pass.
type newVoter struct {
	Passcode string  `json:"passcode"`
	Pass     *string `json:"pass"`
}

func (c *call) askedPass() (body newVoter, err error) {
	if len(c.Request().Body()) > 0 {
		err = c.Decode(&body)
	}
	return body, err
}

// postVoter gives a voter a pass, or a new one for the one that they have.
func postVoter(c *call) error {
	body, err := c.askedPass()
	if err != nil {
		return err
	}
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	key, err := web.IdempotencyKey(c.Ctx)
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	look := func(since time.Time) (poll.Display, error) {
		d, _, err := c.Cache.Display(ctx, id, since)
		return d, err
	}
	if body.Pass != nil {
		if _, err := look(time.Time{}); err != nil { // there must be such a presentation
			return err
		}
		pass, err := c.polls.entrance.passes.Renew(id, []byte(*body.Pass), time.Now())
		if err != nil {
			return err
		}
		return c.GivePass(http.StatusOK, pass)
	}
	address := c.Client()
	pass, fresh, err := c.polls.entrance.enter(ctx, look, body.Passcode, key, address)
	if fault.Is(err, access.NoSession) && c.By != uuid.Nil {
		pass := c.polls.entrance.passes.OfAccount(id, c.By, time.Now())
		return c.GivePass(http.StatusCreated, pass)
	}
	if err != nil {
		return err
	}
	if fresh {
		c.polls.topics.present.gave(id, c.polls.entrance.passes.Hash(c.Address().String()))
	}
	return c.GivePass(http.StatusCreated, pass)
}

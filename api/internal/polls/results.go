package polls

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func getResults(c *call) error {
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	r, err := c.polls.results.Read(ctx, pollKey{presentationID, pollID})
	if err != nil {
		return err
	}
	if r.Status == poll.Pending {
		if err := c.pendingResults(ctx, presentationID, pollID); err != nil {
			return err
		}
	}
	c.use(presentationID)
	tag, encode := resultsTag(&r.Results, ""), r.body
	if r.veiled != nil {
		role, err := c.role(ctx, presentationID)
		if err != nil {
			return err
		}
		if role < toSee {
			tag, encode = resultsTag(&r.Results, ".hidden"), r.veiled
		}
		c.Vary(fiber.HeaderAuthorization)
	}
	if c.Unchanged(tag) {
		return nil
	}
	body, err := encode()
	if err != nil {
		return err
	}
	return c.Shared(body)
}

// pendingResults hides a poll that nobody has seen, which is the presenter's secret. One that was
// reset on the slide is none.
func (c *call) pendingResults(ctx context.Context, presentationID, pollID uuid.UUID) error {
	if role, err := c.role(ctx, presentationID); err != nil || role >= toSee {
		return err
	}
	display, _, err := c.Cache.Display(ctx, presentationID, time.Time{})
	if err == nil && (display.Poll == nil || display.Poll.ID != pollID) {
		err = fault.Errorf(fault.NotFound, "the presentation has no such poll")
	}
	return err
}

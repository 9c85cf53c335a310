package polls

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// putCurrent displays the next poll, the previous one, or the one that is named, or closes or opens
// the one that is displayed.
func putCurrent(c *call) error {
	move, err := moveOf(c)
	if err != nil {
		return err
	}
	display, err := transit(c, move)
	if err != nil {
		return err
	}
	return c.current(display)
}

func deleteCurrent(c *call) error {
	if _, err := transit(c, poll.Move{To: poll.ToNothing}); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// transit does a presenter's move and sets the answer's ETag.
func transit(c *call, move poll.Move) (poll.Display, error) {
	seen, err := versions(fiber.HeaderIfMatch, web.Lines(c.Ctx, fiber.HeaderIfMatch))
	if err != nil {
		return poll.Display{}, err
	}
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return poll.Display{}, err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	if _, err := c.need(ctx, id, toMove); err != nil {
		return poll.Display{}, err
	}
	ifMatch, err := c.oneOf(ctx, id, seen)
	if err != nil {
		return poll.Display{}, err
	}
	display, err := c.Stage.Move(ctx, id, move, ifMatch)
	if err == nil {
		c.Set(fiber.HeaderETag, web.ETag(display.Version))
	}
	return display, err
}

// oneOf gives which of the versions that a presenter has seen the transition must find. nil: any.
// Of several it is the present one; whoever moves the slide between this look and the transition
// makes it stale.
func (c *call) oneOf(ctx context.Context, id uuid.UUID, seen []int64) (*int64, error) {
	switch {
	case seen == nil:
		return nil, nil
	case len(seen) == 1:
		return &seen[0], nil
	}
	display, _, err := c.Cache.Display(ctx, id, time.Now())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(seen, display.Version) {
		return nil, fault.Errorf(fault.Stale,
			"the presentation is at version %d, and no strong tag of If-Match says so",
			display.Version)
	}
	return &display.Version, nil
}

func moveOf(c *call) (poll.Move, error) {
	if len(c.Request().Body()) == 0 {
		return poll.Move{To: poll.ToNext}, nil
	}
	var body struct {
		PollID *string `json:"poll_id"`
		Move   *string `json:"move"`
	}
	if err := c.Decode(&body); err != nil {
		return poll.Move{}, err
	}
	switch {
	case body.PollID != nil && body.Move != nil:
		return poll.Move{}, fault.Field("move", "must be left out where poll_id is given")
	case body.PollID != nil:
		id, err := web.ParseID("poll_id", *body.PollID)
		return poll.Move{To: poll.ToPoll, PollID: id}, err
	case body.Move == nil:
		return poll.Move{}, fault.Field("move", `is missing: a body names a poll_id or a move`)
	case *body.Move == "next":
		return poll.Move{To: poll.ToNext}, nil
	case *body.Move == "previous":
		return poll.Move{To: poll.ToPrevious}, nil
	case *body.Move == "close":
		return poll.Move{To: poll.ToClosed}, nil
	case *body.Move == "open":
		return poll.Move{To: poll.ToOpen}, nil
	}
	return poll.Move{}, fault.Field("move", `must be "next", "previous", "close" or "open"`)
}

// getCurrent is served from the leased cache: a room that reloads at once costs the database one
// read.
func getCurrent(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	display, _, err := c.Cache.Display(ctx, id, time.Time{})
	if err != nil {
		return err
	}
	tag := standTag(display.Version, display.Edits)
	// whoever asks now and then learns from the tag that a poll was there meanwhile
	if display.Poll == nil {
		c.Set(fiber.HeaderETag, tag)
	} else if c.Unchanged(tag) {
		return nil
	}
	return c.current(display)
}

// current answers what is displayed.
func (c *call) current(d poll.Display) error {
	if d.Poll == nil {
		return fault.Errorf(poll.NotDisplayed, "nothing is displayed")
	}
	body, err := c.polls.slides.encode(&d)
	if err != nil {
		return err
	}
	return c.Shared(body)
}

package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/poll"
)

// putCurrent displays the next poll, the previous one, or the one that is named.
func putCurrent(c *call) error {
	move, err := moveOf(c.Ctx)
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
	ifMatch, err := version(fiber.HeaderIfMatch, c.Get(fiber.HeaderIfMatch))
	if err != nil {
		return poll.Display{}, err
	}
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return poll.Display{}, err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	if err := c.presenter(ctx, id); err != nil {
		return poll.Display{}, err
	}
	display, err := c.Stage.Move(ctx, id, move, ifMatch)
	if err == nil {
		c.Set(fiber.HeaderETag, etag(display.Version))
	}
	return display, err
}

func moveOf(c *fiber.Ctx) (poll.Move, error) {
	if len(c.Request().Body()) == 0 {
		return poll.Move{To: poll.ToNext}, nil
	}
	var body struct {
		PollID *string `json:"poll_id"`
		Move   *string `json:"move"`
	}
	if err := decode(c, &body); err != nil {
		return poll.Move{}, err
	}
	switch {
	case body.PollID != nil && body.Move != nil:
		return poll.Move{}, poll.Field("move", "must be left out where poll_id is given")
	case body.PollID != nil:
		id, err := parseID("poll_id", *body.PollID)
		return poll.Move{To: poll.ToPoll, PollID: id}, err
	case body.Move == nil:
		return poll.Move{}, poll.Field("move", `is missing: a body names a poll_id or a move`)
	case *body.Move == "next":
		return poll.Move{To: poll.ToNext}, nil
	case *body.Move == "previous":
		return poll.Move{To: poll.ToPrevious}, nil
	}
	return poll.Move{}, poll.Field("move", `must be "next" or "previous"`)
}

// getCurrent is served from the leased cache: a room that reloads at once costs the database one read.
func getCurrent(c *call) error {
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	display, _, err := c.Cache.Display(ctx, id, time.Time{})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, etag(display.Version))
	for tag := range strings.SplitSeq(c.Get(fiber.HeaderIfNoneMatch), ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag(display.Version) && display.Poll != nil {
			return c.SendStatus(http.StatusNotModified)
		}
	}
	return c.current(display)
}

// current answers what is displayed.
func (c *call) current(d poll.Display) error {
	if d.Poll == nil {
		return poll.Errorf(poll.NotDisplayed, "nothing is displayed")
	}
	return c.JSON(struct {
		wirePoll
		Version int64 `json:"version"`
	}{toWire(d.Poll), d.Version})
}

// etag gives a version as an entity tag (RFC 9110, section 8.8.3).
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// version reads a version from a header: an entity tag, also a weak one, which proxies make of ours when they compress;
// or the bare number. nil: the header is missing or "*", which matches any.
func version(header, value string) (*int64, error) {
	value = strings.TrimSpace(value)
	if value == "" || value == "*" {
		return nil, nil
	}
	tag := strings.TrimPrefix(value, "W/")
	if unquoted, ok := strings.CutPrefix(tag, `"`); ok {
		if unquoted, ok = strings.CutSuffix(unquoted, `"`); ok {
			tag = unquoted
		}
	}
	n, err := strconv.ParseInt(tag, 10, 64)
	if err != nil || n < 0 {
		return nil, poll.Field(header, `must be one version, as in "3"`)
	}
	return &n, nil
}

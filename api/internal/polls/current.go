package polls

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// putCurrent displays the next poll, the previous one, or the one that is named, or closes or opens the one that is displayed.
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

// oneOf gives which of the versions that a presenter has seen the transition must find. nil: any. Of several it is the
// present one; whoever moves the slide between this look and the transition makes it stale.
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
		return nil, fault.Errorf(fault.Stale, "the presentation is at version %d, and no strong tag of If-Match says so", display.Version)
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

// getCurrent is served from the leased cache: a room that reloads at once costs the database one read.
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
	if display.Poll == nil { // whoever asks now and then learns from the tag that a poll was there meanwhile
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
	body, err := c.server.slides.encode(&d)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body) // shared, not copied: nobody writes to it
}

// votingOf says whether votes are taken for the poll that is displayed.
func votingOf(d poll.Display) string {
	if d.Closed {
		return "closed"
	}
	return "open"
}

// standTag is the entity tag of a version of a presentation with its edits: a transition's If-Match goes by the one, that of an
// edit by the other. The edits, where there are any, are written in letters for digits. Replicas of before take nothing else there.
func standTag(version, edits int64) string {
	if edits == 0 {
		return web.ETag(version)
	}
	letters := strings.Map(func(digit rune) rune { return digit - '0' + 'a' }, strconv.FormatInt(edits, 10))
	return `"` + strconv.FormatInt(version, 10) + "-" + letters + `"`
}

// versionTag is an entity tag of ours, strong or weak, or the bare number.
var versionTag = regexp.MustCompile(`^(?:(W/)?"(\d+)(?:-([a-z]+))?"|(\d+))$`)

// versions reads the versions from a header: "*", or a list (RFC 9110, section 5.6.1) of entity tags, of which the weak ones
// match nothing, or of bare numbers. nil: the header is missing or "*", which matches any.
func versions(header, value string) ([]int64, error) {
	return seenIn(value, fault.Field(header, `must be *, or one or more versions, as in "3"`), func(tag []string) (int64, bool) {
		version, err := strconv.ParseInt(tag[2]+tag[4], 10, 64)
		return version, err == nil
	})
}

// revisions reads the edits from a header as versions reads the versions. A bare number says nothing of them, and is refused.
func revisions(header, value string) (poll.Seen, error) {
	return seenIn(value, fault.Field(header, "must be *, or one or more ETags of the presentation"), func(tag []string) (int64, bool) {
		if _, err := strconv.ParseInt(tag[2], 10, 64); err != nil {
			return 0, false
		}
		digits := strings.Map(func(letter rune) rune { return letter - 'a' + '0' }, tag[3])
		if strings.Trim(digits, "0123456789") != "" { // a tag of before, which matches none
			return -1, true
		}
		edits, err := strconv.ParseInt("0"+digits, 10, 64)
		return edits, err == nil
	})
}

// seenIn reads a list of tags, each of which number reads; it is given the parts of versionTag.
func seenIn(value string, wrong error, number func(tag []string) (int64, bool)) ([]int64, error) {
	if value = strings.TrimSpace(value); value == "" || value == "*" {
		return nil, nil
	}
	seen, tags := []int64{}, 0
	for tag := range strings.SplitSeq(value, ",") {
		if tag = strings.TrimSpace(tag); tag == "" { // to be ignored in a list
			continue
		}
		m := versionTag.FindStringSubmatch(tag)
		if m == nil {
			return nil, wrong
		}
		n, ok := number(m)
		if !ok {
			return nil, wrong
		}
		if tags++; m[1] == "" {
			seen = append(seen, n)
		}
	}
	if tags == 0 {
		return nil, wrong
	}
	return seen, nil
}

package feeds

import (
	"math"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// acceptedBody answers what is durable and not decided yet.
var acceptedBody = []byte(`{"status":"accepted"}`)

// choose makes a route of an action that takes an option.
func choose(action feed.Action) func(*call) error {
	return func(c *call) error {
		var wrongs fault.Wrongs
		var body struct {
			Option *float64 `json:"option_index"`
		}
		if err := c.DecodeNotingPlain(&body, &wrongs); err != nil {
			return err
		}
		option := optionOf(body.Option, &wrongs)
		return c.act(feed.Ballot{Action: action, Option: option}, &wrongs)
	}
}

// optionOf gives an option's place: a JSON number without a fraction.
func optionOf(said *float64, wrongs *fault.Wrongs) int {
	switch {
	case said == nil:
		wrongs.Add("option_index", "is missing")
	case *said < 0 || *said >= feed.MaxOptions || *said != math.Trunc(*said):
		wrongs.Add("option_index", "must be a whole number from 0 on, below the number of options")
	default:
		return int(*said)
	}
	return 0
}

// act makes a route of an action that takes no option.
func act(action feed.Action) func(*call) error {
	return func(c *call) error { return c.act(feed.Ballot{Action: action}, &fault.Wrongs{}) }
}

// act sends a ballot on the poll of the path, and answers with what became of it. That the path
// names nothing is said last: only of what is right otherwise.
func (c *call) act(b feed.Ballot, wrongs *fault.Wrongs) (err error) {
	b.Account = c.By
	if b.Key, err = web.IdempotencyKey(c.Ctx); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if err := wrongs.Err(); err != nil {
		return err
	}
	if b.PollID, err = c.pollID(); err != nil {
		return err
	}
	wait, applied := web.Preference(web.Lines(c.Ctx, "Prefer"), commit.DefaultWait, commit.Deadline)
	decided, err := c.Act(c.Site.Requests, b, commit.Wait(wait))
	if applied != "" {
		c.Set("Preference-Applied", applied)
	}
	if err != nil {
		return err
	}
	if !decided {
		c.Set(fiber.HeaderLocation, web.Base+"/polls/"+b.PollID.String())
		c.Status(http.StatusAccepted).Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		return c.Send(acceptedBody)
	}
	return c.SendStatus(http.StatusNoContent)
}

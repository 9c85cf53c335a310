package feeds

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

func create(c *call) error {
	if err := c.feeds.Door.Enter("a poll", c.CreateKey(), c.Address()); err != nil {
		return err
	}
	var wrongs fault.Wrongs
	var body newPoll
	if err := c.DecodeNotingPlain(&body, &wrongs); err != nil {
		return err
	}
	p := body.poll(c.By, &wrongs)
	if err := wrongs.Note(p.Check(time.Now())); err != nil {
		return err
	}
	if err := wrongs.Err(); err != nil { // what is no poll costs nothing
		return err
	}
	if wait := c.feeds.creation.Take(c.By); wait > 0 {
		return fault.BusyFor(wait, "this account has published %d polls within a minute",
			c.feeds.CreateLimit)
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.Create(ctx, p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, web.Base+"/polls/"+p.ID.String())
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(http.StatusCreated).JSON(toPoll(&p, c.By, nil, time.Now()))
}

func getPoll(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.poll(ctx)
	if err != nil {
		return err
	}
	answer, err := c.answerTo(ctx, p.ID)
	if err != nil {
		return err
	}
	body, err := json.Marshal(toPoll(&p, c.By, answer, time.Now()))
	if err != nil {
		return err
	}
	c.Vary(fiber.HeaderAuthorization)
	if c.Unchanged(tagOf(body)) {
		return nil
	}
	return c.Shared(body)
}

// tagOf makes an entity tag of what is answered, and so of nothing that is hidden.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func closePoll(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.authored(ctx, true)
	if err != nil {
		return err
	}
	if err := c.Close(ctx, p.ID); err != nil {
		return err
	}
	answer, err := c.answerTo(ctx, p.ID)
	if err != nil {
		return err
	}
	if p, err = c.poll(ctx); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(toPoll(&p, c.By, answer, time.Now()))
}

func deletePoll(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.authored(ctx, true)
	if err != nil {
		return err
	}
	if err := c.Delete(ctx, p.ID); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// resultsHidden says that a poll's numbers are not for who asks, or not yet.
var resultsHidden = fault.Forbidden.Named("results_hidden")

func getStats(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.poll(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	c.Vary(fiber.HeaderAuthorization)
	if !shows(&p, c.By, nil, now) {
		answer, err := c.answerTo(ctx, p.ID)
		if err != nil {
			return err
		}
		if !shows(&p, c.By, answer, now) {
			return fault.Errorf(resultsHidden, "%s", whyHidden(p.Results))
		}
	}
	if c.Unchanged(web.ETag(p.Revision)) {
		return nil
	}
	return c.JSON(toStats(&p))
}

func whyHidden(r feed.Results) string {
	if r == feed.AfterClose {
		return "the numbers of this poll are shown when it is over"
	}
	return "the numbers of this poll are shown to who has voted, and to all when it is over"
}

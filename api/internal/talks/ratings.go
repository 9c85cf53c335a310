package talks

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// acceptedBody answers a rating that is durable and not counted yet.
var acceptedBody = []byte(`{"status":"accepted"}`)

func postRating(c *call) error {
	ballot, err := c.ballot()
	if err != nil {
		return err
	}
	wait, applied := web.Preference(
		web.Lines(c.Ctx, "Prefer"),
		commit.DefaultWait,
		commit.Deadline,
	)
	counted, err := c.Rate(c.Site.Requests, ballot, commit.Wait(wait))
	if applied != "" {
		c.Set("Preference-Applied", applied)
	}
	if err != nil {
		return err
	}
	if !counted {
		c.Set(fiber.HeaderLocation, web.Base+"/ratings?talk_id="+ballot.TalkID.String())
		c.Status(http.StatusAccepted).Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		return c.Send(acceptedBody)
	}
	return c.SendStatus(http.StatusNoContent)
}

// ballot checks what was sent, and names all that is wrong. That the talk's id names nothing is
// said last: only of what is right otherwise.
func (c *call) ballot() (b talk.Ballot, err error) {
	var wrongs fault.Wrongs
	var body newRating
	if err = c.DecodeNotingPlain(&body, &wrongs); err != nil {
		return b, err
	}
	var unknown error
	if body.TalkID == nil {
		wrongs.Add("talk_id", "is missing")
	} else {
		b.TalkID, err = web.ParseID("talk_id", *body.TalkID)
		unknown = wrongs.Note(err)
	}
	b.Value = body.value(&wrongs)
	if b.Comment, err = talk.CleanComment(body.Comment); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if b.Key, err = web.IdempotencyKey(c.Ctx); err != nil {
		_ = wrongs.Note(err)
	}
	if body.Client != nil {
		if b.Client, err = web.ParseID("client_id", *body.Client); err != nil {
			wrongs.Add("client_id", "must be a UUID and not the nil UUID")
		}
	}
	if body.Pass != nil {
		b.Pass = []byte(*body.Pass)
		if body.Client != nil {
			wrongs.Add("pass", "must be left out where client_id is given")
		}
	}
	if err := wrongs.Err(); err != nil {
		return b, err
	}
	return b, unknown
}

func getRatings(c *call) error {
	query := c.Request().URI().QueryArgs()
	if !query.Has("talk_id") {
		return fault.Field("talk_id", "is missing")
	}
	id, err := web.ParseID("talk_id", string(query.Peek("talk_id")))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	e, err := c.talks.reads.Read(ctx, id)
	if err != nil {
		return err
	}
	tag, encode := eventID(&e.Talk), e.body
	if e.Hidden() {
		c.Vary(fiber.HeaderAuthorization)
		if !c.owns(&e.Talk) {
			tag, encode = tag+".hidden", e.veiled
		}
	}
	if c.Unchanged(`"` + tag + `"`) {
		return nil
	}
	body, err := encode()
	if err != nil {
		return err
	}
	return c.Shared(body)
}

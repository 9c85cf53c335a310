package talks

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

func create(c *call) error {
	if err := c.talks.Door.Enter("a talk", c.CreateKey(), c.Address()); err != nil {
		return err
	}
	var wrongs fault.Wrongs
	w, t := empty(), talk.Talk{Account: c.By}
	if err := c.DecodeNotingPlain(&w, &wrongs); err != nil {
		return err
	}
	w.into(&t, &wrongs)
	if err := wrongs.Note(t.Check()); err != nil {
		return err
	}
	if err := wrongs.Err(); err != nil { // what is no talk costs nothing
		return err
	}
	if err := c.talks.bounds.create(c.Address()); err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	t, token, err := c.Create(ctx, t)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, web.Base+"/talks/"+t.ID.String())
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(http.StatusCreated).JSON(fiber.Map{
		"talk_id": t.ID, "code": t.Code, "token": token,
	})
}

func getTalk(c *call) error {
	id, err := c.talkID()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	t, err := c.Store.Talk(ctx, id)
	if err != nil {
		return err
	}
	return c.talk(&t)
}

// talk answers with a talk, whose tag is for the If-Match of an edit.
func (c *call) talk(t *talk.Talk) error {
	c.Set(fiber.HeaderETag, web.ETag(t.Edits))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization)
	return c.JSON(toWire(t, c.owns(t)))
}

func patchTalk(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	// a look: is it an edit at all?
	if err := c.DecodeNotingPlain(&written{}, &fault.Wrongs{}); err != nil {
		return err
	}
	seen, err := revisions(web.Lines(c.Ctx, fiber.HeaderIfMatch))
	if err != nil {
		return err
	}
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	body, now := c.Request().Body(), t
	if err := edit(body, &now); err != nil { // before the row is locked
		return err
	}
	if err := c.talks.bounds.edit(t.ID); err != nil {
		return err
	}
	t, err = c.Edit(ctx, t.ID, seen, func(t *talk.Talk) error { return edit(body, t) })
	if err != nil {
		return err
	}
	return c.talk(&t)
}

// edit puts what a body says into a talk. What it leaves out stays.
func edit(body []byte, t *talk.Talk) error {
	var wrongs fault.Wrongs
	w := toWritten(t)
	if err := web.UnmarshalNoting(body, &w, &wrongs); err != nil {
		return err
	}
	w.into(t, &wrongs)
	if err := wrongs.Note(t.Check()); err != nil {
		return err
	}
	return wrongs.Err()
}

// revisions reads an If-Match; none: any will do.
func revisions(header string) (seen []int64, err error) {
	if header == "" || strings.TrimSpace(header) == "*" {
		return nil, nil
	}
	for tag := range strings.SplitSeq(header, ",") {
		text := strings.TrimSpace(tag)
		n, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
		if err != nil || web.ETag(n) != text {
			n = -1 // nobody's
		}
		seen = append(seen, n)
	}
	return seen, nil
}

func deleteTalk(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	t, err := c.owned(ctx)
	if err != nil {
		return err
	}
	if err := c.Delete(ctx, t.ID); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

package talks

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

func create(c *call) error {
	if err := c.talks.Door.Enter("a talk", c.Token(), c.Address()); err != nil {
		return err
	}
	w := empty()
	if err := c.decode(&w); err != nil {
		return err
	}
	var t talk.Talk
	if err := w.into(&t); err != nil {
		return err
	}
	if err := t.Check(); err != nil { // what is no talk costs nothing
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

// decode reads a JSON body of valid UTF-8: encoding/json would put something else in its place.
func (c *call) decode(v any) error {
	if !utf8.Valid(c.Request().Body()) {
		return fault.Field("body", "is no JSON: it is not UTF-8")
	}
	if string(
		bytes.TrimSpace(c.Request().Body()),
	) == "null" { // encoding/json takes it for nothing
		return fault.Field("body", "must not be a JSON null")
	}
	return c.Decode(v)
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
	if err := c.decode(&written{}); err != nil { // a look, before the row is locked
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
	if err := c.talks.bounds.edit(t.ID); err != nil {
		return err
	}
	body := c.Request().Body()
	t, err = c.Edit(ctx, t.ID, seen, func(t *talk.Talk) error { // what is left out stays
		w := toWritten(t)
		if err := json.Unmarshal(body, &w); err != nil {
			return err
		}
		return w.into(t)
	})
	if err != nil {
		return err
	}
	return c.talk(&t)
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

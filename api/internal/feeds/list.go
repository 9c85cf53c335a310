package feeds

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// usualPage is how many polls a page of the feed has.
const usualPage = 20

// page is a part of the feed.
type page struct {
	web.ListOf[wirePoll]
	Quota wireQuota `json:"quota"`
}

// list answers with polls that the account has neither voted on nor skipped.
func list(c *call) error {
	look, err := c.look()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	found, err := c.Services.Page(ctx, look)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(page{
		web.ListOf[wirePoll]{
			Items: toPolls(found.Polls, c.By, nil, time.Now()), Next: nextOf(found.Next),
		},
		toQuota(found.Quota),
	})
}

// look reads where the account looks. All that is wrong is named.
func (c *call) look() (l feed.Look, err error) {
	query := c.Context().QueryArgs()
	var wrongs fault.Wrongs
	l.Account = c.By
	l.Tag, l.Search = string(query.Peek("tag")), string(query.Peek("search"))
	if l.Tag != "" {
		if l.Tag, err = feed.CleanTag("tag", l.Tag); err != nil {
			_ = wrongs.Note(err) // it names its field
		}
	}
	if l.Search != "" {
		if l.Search, err = feed.CleanSearch("search", l.Search); err != nil {
			_ = wrongs.Note(err)
		}
	}
	if l.Before, l.Limit, err = c.before(usualPage); err != nil {
		_ = wrongs.Note(err)
	}
	return l, wrongs.Err()
}

// before reads how many polls are wanted, and before which.
func (c *call) before(usual int) (before uuid.UUID, limit int, err error) {
	if limit, err = web.LimitOf(c.Context().QueryArgs(), usual, web.MaxPage); err != nil {
		return before, 0, err
	}
	place, err := c.Cursor(len(before))
	copy(before[:], place)
	return before, limit, err
}

// nextOf gives the cursor of a page; nil: there is none.
func nextOf(before uuid.UUID) *string {
	if before == uuid.Nil {
		return nil
	}
	return web.CursorOf(before[:])
}

// getOwn lists the account's own polls, the newest first.
func getOwn(c *call) error {
	before, limit, err := c.before(web.UsualPage)
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	polls, err := c.Store.By(ctx, c.By, before, limit+1)
	if err != nil {
		return err
	}
	var next uuid.UUID
	if len(polls) > limit {
		polls = polls[:limit]
		next = polls[limit-1].ID
	}
	ids := make([]uuid.UUID, len(polls))
	for i := range polls {
		ids[i] = polls[i].ID
	}
	answers, err := c.answers(ctx, ids)
	if err != nil {
		return err
	}
	return c.polls(polls, answers, next)
}

// getVoted lists polls that the account voted on, the newest poll first.
func getVoted(c *call) error {
	before, limit, err := c.before(web.UsualPage)
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	votes, next, err := c.Store.Voted(ctx, c.By, before, limit)
	if err != nil {
		return err
	}
	polls, answers, err := c.of(ctx, votes)
	if err != nil {
		return err
	}
	return c.polls(polls, answers, next)
}

// of reads the polls of answers. Those that were deleted are left out.
func (c *call) of(ctx context.Context, all []feed.Answer) (
	polls []feed.Poll, answers map[uuid.UUID]feed.Answer, err error,
) {
	ids := make([]uuid.UUID, len(all))
	answers = make(map[uuid.UUID]feed.Answer, len(all))
	for i, a := range all {
		ids[i], answers[a.PollID] = a.PollID, a
	}
	found, err := c.Several(ctx, ids)
	for _, id := range ids {
		if p, ok := found[id]; ok {
			polls = append(polls, p)
		}
	}
	return polls, answers, err
}

// polls answers with a page of polls.
func (c *call) polls(
	polls []feed.Poll, answers map[uuid.UUID]feed.Answer, next uuid.UUID,
) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(web.ListOf[wirePoll]{
		Items: toPolls(polls, c.By, answers, time.Now()), Next: nextOf(next),
	})
}

// getTags lists popular tags.
func getTags(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	tags, err := c.Tags(ctx)
	if err != nil {
		return err
	}
	type wireTag struct {
		Tag   string `json:"tag"`
		Polls int    `json:"polls"`
	}
	items := make([]wireTag, len(tags))
	for i, t := range tags {
		items[i] = wireTag(t)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(struct {
		Items []wireTag `json:"items"`
	}{items})
}

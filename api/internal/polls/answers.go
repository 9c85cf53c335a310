package polls

import (
	"context"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// getAnswers gives a page of the answers in free text to a poll. Presenters see those that are
// hidden as well, and nobody else does.
func getAnswers(c *call) error {
	page, err := answersPageOf(c.Context().QueryArgs())
	if err != nil {
		return err
	}
	if page.presentationID, page.pollID, err = c.pollIDs(); err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	r, err := c.polls.results.Read(ctx, page.pollKey)
	if err != nil {
		return err
	}
	role, err := c.mayRead(ctx, page.presentationID, &r.Results)
	if err != nil {
		return err
	}
	c.use(page.presentationID)
	if err := r.TakesText(); err != nil {
		return err
	}
	if !page.ordered {
		page.order = r.Kind.Order()
	}
	page.ordered = true // known now, and the same page however it was asked for
	c.Vary(fiber.HeaderAuthorization)
	// of before the page is read, so what it tells of is never newer than the page
	tag := resultsTag(&r.Results, "")
	if page.hidden = role >= toSee; page.hidden {
		tag = resultsTag(&r.Results, ".presenter")
	}
	if _, err := page.listing(); err != nil || c.Unchanged(tag) {
		return err
	}
	body, err := c.polls.answers.Read(ctx, page)
	if err != nil {
		return err
	}
	return c.Shared(body)
}

// mayRead refuses who may not see a poll's results, and gives the role of who may.
func (c *call) mayRead(ctx context.Context, id uuid.UUID,
	r *poll.Results) (role access.Role, err error) {
	if r.Status == poll.Pending {
		if err := c.pendingResults(ctx, id, r.ID); err != nil {
			return role, err
		}
	}
	if role, err = c.role(ctx, id); err != nil || role >= toSee || !r.Hidden() {
		return role, err
	}
	_, err = c.need(ctx, id, toSee)
	return role, err
}

// patchAnswer hides an answer, or shows it again.
func patchAnswer(c *call) error {
	var body struct {
		Text   *string `json:"text"`
		Hidden *bool   `json:"hidden"`
	}
	if err := c.Decode(&body); err != nil {
		return err
	}
	switch {
	case body.Text == nil:
		return fault.Field("text", "is missing: it says which answer is meant")
	case *body.Text == "" || utf8.RuneCountInString(*body.Text) > question.MaxTextLength:
		return fault.Field("text", "must have 1 to %d characters", question.MaxTextLength)
	case body.Hidden == nil:
		return fault.Field("hidden", "is missing: true hides the answer, false shows it again")
	}
	id, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	if _, err := c.need(ctx, id, toHide); err != nil {
		return err
	}
	if err := c.polls.bounds.edit(id); err != nil {
		return err
	}
	word, err := c.Stage.Hide(ctx, id, pollID, *body.Text, *body.Hidden)
	if err != nil {
		return err
	}
	return c.JSON(toAnswer(word))
}

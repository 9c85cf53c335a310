package polls

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// edit makes a presenter's edit of the presentation in the path, and sets the answer's ETag.
func (c *call) edit(ctx context.Context, e poll.Edit) (id uuid.UUID,
	edited poll.Edited, err error) {
	seen, err := revisions(fiber.HeaderIfMatch, web.Lines(c.Ctx, fiber.HeaderIfMatch))
	if err != nil {
		return id, edited, err
	}
	if id, err = web.ParseID("presentation_id", c.Params("id")); err != nil {
		return id, edited, err
	}
	if _, err = c.need(ctx, id, toEdit); err != nil {
		return id, edited, err
	}
	if err = c.polls.bounds.edit(id); err != nil {
		return id, edited, err
	}
	edited, err = c.Stage.Edit(ctx, id, poll.IfSeen{Edit: e, Seen: seen})
	if err == nil {
		c.Set(fiber.HeaderETag, standTag(edited.Version, edited.Edits))
	}
	return id, edited, err
}

// editPresentation makes the edit that the body is decoded to, and answers with the presentation.
func (c *call) editPresentation(decoded func(*call) (poll.Edit, error)) error {
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	e, err := decoded(c)
	if err != nil {
		return err
	}
	id, _, err := c.edit(ctx, e)
	if err != nil {
		return err
	}
	done() // nobody waits in one line for a turn in another
	return c.readPresentation(id)
}

func patchPresentation(c *call) error { return c.editPresentation(presentationEdit) }

func presentationEdit(c *call) (poll.Edit, error) {
	var body struct {
		Title     *string        `json:"title"`
		Voters    *access.Voters `json:"voters"`
		MaxVoters *int           `json:"max_voters"`
		Passcode  *string        `json:"passcode"`
		TalkID    link           `json:"talk_id"`
	}
	if err := c.Decode(&body); err != nil {
		return nil, err
	}
	e := poll.EditPresentation{Title: body.Title, Voters: body.Voters, MaxVoters: body.MaxVoters,
		Passcode: body.Passcode}
	talkID, said, err := body.TalkID.read("talk_id")
	if err != nil {
		return nil, err
	}
	if said {
		e.TalkID = &talkID
	}
	if e == (poll.EditPresentation{}) {
		return nil, fault.Field("title",
			"is missing, and so is everything else that can be changed: voters, max_voters, "+
				"passcode, talk_id")
	}
	return e, nil
}

func putOrder(c *call) error { return c.editPresentation(orderEdit) }

func orderEdit(c *call) (poll.Edit, error) {
	var body struct {
		PollIDs []string `json:"poll_ids"`
	}
	if err := c.Decode(&body); err != nil {
		return nil, err
	}
	wrong := fault.Field("poll_ids", "must name each of the presentation's polls once")
	if len(body.PollIDs) > poll.MaxPolls {
		return nil, wrong
	}
	order := poll.Reorder{PollIDs: make([]uuid.UUID, len(body.PollIDs))}
	for i, s := range body.PollIDs {
		id, err := web.ParseID("poll_ids", s)
		if err != nil { // here it is a mistake, whatever is wrong with it
			return nil, wrong
		}
		order.PollIDs[i] = id
	}
	return order, nil
}

func deletePresentation(c *call) error {
	seen, err := revisions(fiber.HeaderIfMatch, web.Lines(c.Ctx, fiber.HeaderIfMatch))
	if err != nil {
		return err
	}
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	if _, err := c.need(ctx, id, toEdit); err != nil {
		return err
	}
	if err := c.Stage.Delete(ctx, id, seen); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

func postPoll(c *call) error {
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	var body newPoll
	if err := c.Decode(&body); err != nil {
		return err
	}
	// not one with the other: errors name a field by its whole path, and this one is a member like
	// those
	var place struct {
		Index *int `json:"index"`
	}
	if err := c.Unmarshal(&place); err != nil {
		return err
	}
	id, edited, err := c.edit(ctx, poll.AddPoll{Poll: body.poll(), Index: place.Index})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation,
		web.Base+"/presentations/"+id.String()+"/polls/"+edited.Poll.ID.String())
	return c.Status(http.StatusCreated).JSON(toStated(edited.Poll, edited.State.Status, true))
}

func patchPoll(c *call) error {
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	var body struct {
		Question   *string          `json:"question"`
		Kind       *question.Kind   `json:"kind"`
		MaxChoices *int             `json:"max_choices"`
		Options    *[]wireOption    `json:"options"`
		Visibility *poll.Visibility `json:"results_visibility"`
		Banned     *[]string        `json:"banned_words"`
	}
	if err := c.Decode(&body); err != nil {
		return err
	}
	_, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	e := poll.EditPoll{
		PollID: pollID, Question: body.Question, Kind: body.Kind, MaxChoices: body.MaxChoices,
		Visibility: body.Visibility, Banned: body.Banned,
	}
	if body.Options != nil {
		options := fromWire(*body.Options)
		e.Options = &options
	}
	_, edited, err := c.edit(ctx, e)
	if err != nil {
		return err
	}
	return c.JSON(toStated(edited.Poll, edited.State.Status, true))
}

func deletePoll(c *call) error {
	return c.editPoll(func(id uuid.UUID) poll.Edit { return poll.DeletePoll{PollID: id} })
}

func resetPoll(c *call) error {
	return c.editPoll(func(id uuid.UUID) poll.Edit { return poll.Reset{PollID: id} })
}

// editPoll makes an edit of the poll in the path that needs no body and answers with none.
func (c *call) editPoll(edit func(pollID uuid.UUID) poll.Edit) error {
	_, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	if _, _, err := c.edit(ctx, edit(pollID)); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// exportPresentation answers with what creating the presentation anew takes.
func exportPresentation(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, done, err := c.load()
	if err != nil {
		return err
	}
	defer done()
	p, _, err := c.Store.Presentation(ctx, id)
	if err != nil {
		return err
	}
	if err := c.allow(&p.Tokens, toTake); err != nil {
		return err
	}
	c.use(id)
	export := newPresentation{Title: p.Title, Polls: make([]newPoll, len(p.Polls))}
	if p.Voters != access.Anyone { // a passcode and a talk are of one evening
		export.Voters, export.MaxVoters = &p.Voters, &p.MaxVoters
	}
	for i := range p.Polls {
		q := &p.Polls[i]
		export.Polls[i] = newPoll{Question: q.Text, Kind: q.Kind, MaxChoices: q.MaxChoices,
			Visibility: q.Visibility, Banned: q.Banned}
		if q.Kind.TakesOptions() {
			export.Polls[i].Options = toWire(q).Options
		}
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="plenary-`+p.JoinCode+`.json"`)
	return c.JSON(export)
}

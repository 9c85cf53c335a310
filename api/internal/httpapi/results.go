package httpapi

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// pollIDs reads the two ids of a path.
func (c *call) pollIDs() (presentationID, pollID uuid.UUID, err error) {
	if presentationID, err = parseID("presentation_id", c.Params("id")); err == nil {
		pollID, err = parseID("poll_id", c.Params("poll_id"))
	}
	return presentationID, pollID, err
}

// wireResults are a poll's results, with what is said of each option.
type wireResults[O any] struct {
	PollID   uuid.UUID   `json:"poll_id"`
	Status   poll.Status `json:"status"`
	Version  int64       `json:"version"`
	Revision int64       `json:"revision"`
	Total    int64       `json:"total"`

	Identity access.Identity `json:"identity"`         // how its voters are told apart, at the least
	Mended   int             `json:"mended,omitempty"` // how many of its texts were changed while people voted

	Options []O        `json:"options"`
	Words   []wireWord `json:"words,omitzero"` // for free text only, and there even if there is none
	Mean    *float64   `json:"mean,omitempty"`
	Median  *float64   `json:"median,omitempty"`
	Hidden  bool       `json:"hidden,omitempty"` // there is more, for the presenter only
	More    bool       `json:"more,omitempty"`   // there is more, for which an event had no room

	WordsTotal *int `json:"words_total,omitempty"` // with words: how many there are
}

type wireWord struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
}

func getResults(c *call) error {
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	r, err := c.server.results.read(ctx, pollKey{presentationID, pollID})
	if err != nil {
		return err
	}
	if r.Status == poll.Pending {
		if err := c.pendingResults(ctx, presentationID, pollID); err != nil {
			return err
		}
	}
	c.use(presentationID)
	tag, body := r.tag, r.body
	if r.veiled != nil {
		role, err := c.role(ctx, presentationID)
		if err != nil {
			return err
		}
		if role < toSee {
			tag, body = r.veiledTag, r.veiled
		}
		c.Vary(fiber.HeaderAuthorization)
	}
	if c.unchanged(tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body) // shared, not copied: nobody writes to it
}

// pendingResults hides a poll that nobody has seen, which is the presenter's secret. One that was reset on the slide is none.
func (c *call) pendingResults(ctx context.Context, presentationID, pollID uuid.UUID) error {
	if role, err := c.role(ctx, presentationID); err != nil || role >= toSee {
		return err
	}
	display, _, err := c.Cache.Display(ctx, presentationID, time.Time{})
	if err == nil && (display.Poll == nil || display.Poll.ID != pollID) {
		err = fault.Errorf(fault.NotFound, "the presentation has no such poll")
	}
	return err
}

// encodeResults writes results as JSON, the same for the same revision in every replica. veiled is for others than the
// presenter, nil where they see the same.
func encodeResults(r *poll.Results) (body, veiled []byte, err error) {
	if body, err = json.Marshal(seen(r, true)); err == nil && r.Hidden() {
		veiled, err = json.Marshal(seen(r, false))
	}
	return body, veiled, err
}

// hide gives what of results people see from whom they are hidden.
func (w wireResults[O]) hide() wireResults[O] {
	return wireResults[O]{
		PollID: w.PollID, Status: w.Status, Version: w.Version, Revision: w.Revision, Total: w.Total, Identity: w.Identity,
		Mended: w.Mended, Options: []O{}, Hidden: true,
	}
}

func toResults[O any](r *poll.Results, option func(question.Option, int64) O) wireResults[O] {
	w := wireResults[O]{
		PollID: r.ID, Status: r.Status, Version: r.Opened, Revision: r.Revision, Total: r.Voters, Identity: r.Identity,
		Mended: r.Mended, Options: make([]O, len(r.Options)),
	}
	for i, o := range r.Options {
		w.Options[i] = option(o, r.Counts[i])
	}
	if r.Kind.FreeText() {
		w.Words = make([]wireWord, len(r.Words))
		for i, word := range r.Words {
			w.Words[i] = wireWord{Text: word.Text, Count: word.Count}
		}
		w.WordsTotal = &r.WordsTotal
	}
	if mean, ok := r.Mean(); ok {
		w.Mean = &mean
	}
	if median, ok := r.Median(); ok {
		w.Median = &median
	}
	return w
}

// resultsTag is the entity tag of results: whatever changes them raises the revision. suffix tells two views of them apart.
func resultsTag(r *poll.Results, suffix string) string {
	return `"` + strconv.FormatInt(r.Opened, 10) + "." + strconv.FormatInt(r.Revision, 10) + suffix + `"`
}

package httpapi

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
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
	Options  []O         `json:"options"`
	Mean     *float64    `json:"mean,omitempty"`
	Median   *float64    `json:"median,omitempty"`
}

func getResults(c *call) error {
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	r, err := c.server.results.read(ctx, presentationID, pollID)
	if err != nil {
		return err
	}
	if r.status == poll.Pending {
		if err := c.pendingResults(ctx, presentationID); err != nil {
			return err
		}
	}
	if c.unchanged(r.tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(r.body) // shared, not copied: nobody writes to it
}

// pendingResults hides a poll that was never displayed, which is the presenter's secret. A room that asks for it without a
// token costs the store nothing more.
func (c *call) pendingResults(ctx context.Context, presentationID uuid.UUID) error {
	secret := poll.Errorf(poll.NotFound, "the presentation has no such poll")
	if !c.server.Open && c.Get(fiber.HeaderAuthorization) == "" {
		return secret
	}
	err := c.presenter(ctx, presentationID)
	if kind := poll.KindOf(err); kind == unauthorized || kind == forbidden {
		return secret
	}
	return err
}

// encodeResults writes results as JSON, the same for the same revision in every replica.
func encodeResults(r *poll.Results) ([]byte, error) {
	return json.Marshal(toResults(r, func(o poll.Option, count int64) wireCount { return wireCount{wireOption(o), count} }))
}

func toResults[O any](r *poll.Results, option func(poll.Option, int64) O) wireResults[O] {
	w := wireResults[O]{
		PollID: r.ID, Status: r.Status, Version: r.Opened, Revision: r.Revision, Total: r.Voters, Options: make([]O, len(r.Options)),
	}
	for i, o := range r.Options {
		w.Options[i] = option(o, r.Counts[i])
	}
	if mean, ok := r.Mean(); ok {
		w.Mean = &mean
	}
	if median, ok := r.Median(); ok {
		w.Median = &median
	}
	return w
}

// resultsTag is the entity tag of results: whatever changes them raises the revision.
func resultsTag(r *poll.Results) string {
	return `"` + strconv.FormatInt(r.Opened, 10) + "." + strconv.FormatInt(r.Revision, 10) + `"`
}

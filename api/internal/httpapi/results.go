package httpapi

import (
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

type wireResults struct {
	PollID   uuid.UUID   `json:"poll_id"`
	Status   poll.Status `json:"status"`
	Version  int64       `json:"version"`
	Revision int64       `json:"revision"`
	Total    int64       `json:"total"`
	Options  []wireCount `json:"options"`
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
	r, err := c.Store.Results(ctx, presentationID, pollID)
	if err != nil {
		return err
	}
	// A poll that was never displayed is the presenter's secret.
	if r.Status == poll.Pending {
		if err := c.presenter(ctx, presentationID); poll.KindOf(err) == unauthorized || poll.KindOf(err) == forbidden {
			return poll.Errorf(poll.NotFound, "the presentation has no such poll")
		} else if err != nil {
			return err
		}
	}
	w := wireResults{
		PollID: r.ID, Status: r.Status, Version: r.Opened, Revision: r.Revision, Total: r.Voters,
		Options: make([]wireCount, len(r.Options)),
	}
	for i, o := range r.Options {
		w.Options[i] = wireCount{wireOption(o), r.Counts[i]}
	}
	if mean, ok := r.Mean(); ok {
		w.Mean = &mean
	}
	if median, ok := r.Median(); ok {
		w.Median = &median
	}
	return c.JSON(w)
}

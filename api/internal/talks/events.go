package talks

import (
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// getEvents sends a talk's stream: the talk, and its ratings.
func getEvents(c *call) error {
	id, err := c.talkID()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	owner := c.talks.Open
	if c.Token() != "" && !owner {
		t, err := c.Store.Talk(ctx, id)
		if err != nil {
			return err
		}
		owner = c.owns(&t)
	}
	return c.Hub.Answer(ctx, c.Ctx, live.Viewer{
		Topic: live.Name{Feature: c.talks.topics, Key: id}, Client: c.Client(), SeesAll: owner,
		Fresh: owner,
	})
}

// getProgrammeEvents sends the programme's stream: how many talks there are, and the ratings of
// each.
func getProgrammeEvents(c *call) error {
	if c.Request().URI().QueryArgs().Has("talk_id") {
		return fault.Field("talk_id", "must be left out: a talk has a stream of its own")
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	return c.Hub.Answer(ctx, c.Ctx, live.Viewer{
		Topic: live.Name{Feature: c.talks.programme, Key: talk.Programme}, Client: c.Client(),
		SeesAll: c.talks.Open,
	})
}

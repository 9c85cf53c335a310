package polls

import (
	"github.com/plenary-live/plenary/api/internal/web"
)

func getEvents(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	role, err := c.role(ctx, id)
	if err != nil {
		return err
	}
	presenter := role >= toSee
	onStage := c.isOnStage(presenter)
	var key *[32]byte
	if onStage && !c.polls.Open {
		hash := c.streamKey()
		key = &hash
	}
	viewer := c.polls.topics.viewer(id, c.Client(), presenter, onStage, key)
	return c.polls.hub.Answer(ctx, c.Ctx, viewer)
}

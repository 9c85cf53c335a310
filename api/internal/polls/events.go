package polls

import (
	"net"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
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
		hash := c.holder()
		key = &hash
	}
	viewer := c.polls.topics.viewer(id, c.Client(), presenter, onStage, key)
	if key != nil && c.account != uuid.Nil {
		c.endWithSession(&viewer)
	}
	return c.polls.hub.Answer(ctx, c.Ctx, viewer)
}

// endWithSession has a viewer's stream end when the session of the request does.
func (c *call) endWithSession(v *live.Viewer) {
	join, watch := v.Join, c.WatchSession(nil)
	v.Join = func(stream net.Conn) (news <-chan []byte, leave func()) {
		news, leaveTopic := join(stream)
		stop := watch(stream)
		return news, func() { stop(); leaveTopic() }
	}
}

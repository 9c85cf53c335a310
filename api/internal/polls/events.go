package polls

import (
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/poll"

	"github.com/plenary-live/plenary/pkg/question"
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
	if onStage && !c.server.Open {
		hash := c.streamKey()
		key = &hash
	}
	viewer := c.server.topics.viewer(id, c.Client(), presenter, onStage, key)
	return c.server.hub.Answer(ctx, c.Ctx, viewer)
}

type wireShown struct {
	Version int64     `json:"version"`
	Poll    *wirePoll `json:"poll"` // null: nothing is displayed
	Voting  string    `json:"voting,omitempty"`
	Code    string    `json:"join_code,omitempty"`
	More    bool      `json:"more,omitempty"` // the poll has options, and there was no room for them
}

func toShown(d poll.Display) wireShown {
	w := wireShown{Version: d.Version, Code: d.JoinCode}
	if d.Poll != nil {
		p := toWire(d.Poll)
		w.Poll, w.Voting = &p, votingOf(d)
	}
	return w
}

// wireTally is an option without its value, which a viewer of the poll knows: results are sent at
// each live.Pace.
type wireTally struct {
	Key   string `json:"key"`
	Count int64  `json:"count"`
}

func toTallies(r poll.Results) wireResults[wireTally] {
	return toResults(&r, func(o question.Option, count int64) wireTally { return wireTally{o.Key, count} })
}

package httpapi

import (
	"github.com/plenary-live/plenary/pkg/poll"

	"github.com/plenary-live/plenary/pkg/question"
)

func getEvents(c *call) error {
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
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
	viewer := c.server.topics.viewer(id, c.server.clientAddr(c.Ctx), presenter, onStage, key)
	return c.server.hub.Answer(ctx, c.Ctx, viewer)
}

// Streams tells of event streams: how many are open, and since the start how many events were sent
// on them and how many were cut off because their client was too slow.
func (s *Server) Streams() (open, sent, cut int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.hub == nil {
		return 0, 0, 0
	}
	return s.hub.Streams()
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

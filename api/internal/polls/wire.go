package polls

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

type wireOption struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type wireCount struct {
	wireOption
	Count int64 `json:"count"`
}

// wirePoll is a poll without anything about its votes.
type wirePoll struct {
	PollID     uuid.UUID     `json:"poll_id"`
	Question   string        `json:"question"`
	Kind       question.Kind `json:"kind"`
	MaxChoices int           `json:"max_choices"`
	Options    []wireOption  `json:"options"`

	Visibility poll.Visibility `json:"results_visibility"`
}

func toWire(p *poll.Poll) wirePoll {
	w := wirePoll{p.ID, p.Text, p.Kind, p.MaxChoices, make([]wireOption, len(p.Options)),
		p.Visibility}
	for i, o := range p.Options {
		w.Options[i] = wireOption(o)
	}
	return w
}

// votingOf says whether votes are taken for the poll that is displayed.
func votingOf(d poll.Display) string {
	if d.Closed {
		return "closed"
	}
	return "open"
}

// toLink gives the id of something that another feature has; Nil: null.
func toLink(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

type wireShown struct {
	Version int64     `json:"version"`
	Poll    *wirePoll `json:"poll"` // null: nothing is displayed
	Voting  string    `json:"voting,omitempty"`
	Code    string    `json:"join_code,omitempty"`
	// the poll has options, and there was no room for them
	More bool `json:"more,omitempty"`
	// the talk that the audience is to rate: the last poll is over
	Talk *uuid.UUID `json:"talk_id,omitempty"`
}

func toShown(d poll.Display) wireShown {
	w := wireShown{Version: d.Version, Code: d.JoinCode, Talk: toLink(d.TalkID)}
	if d.Poll != nil {
		p := toWire(d.Poll)
		w.Poll, w.Voting = &p, votingOf(d)
	}
	return w
}

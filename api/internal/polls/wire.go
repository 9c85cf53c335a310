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
	w := wirePoll{p.ID, p.Text, p.Kind, p.MaxChoices, make([]wireOption, len(p.Options)), p.Visibility}
	for i, o := range p.Options {
		w.Options[i] = wireOption(o)
	}
	return w
}

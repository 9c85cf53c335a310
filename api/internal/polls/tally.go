package polls

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// wireResults are a poll's results, with what is said of each option.
type wireResults[O any] struct {
	PollID   uuid.UUID   `json:"poll_id"`
	Status   poll.Status `json:"status"`
	Version  int64       `json:"version"`
	Revision int64       `json:"revision"`
	Total    int64       `json:"total"`

	// how its voters are told apart, at the least
	Identity access.Identity `json:"identity"`
	// how many of its texts were changed while people voted
	Mended int `json:"mended,omitempty"`

	Options []O `json:"options"`
	// for free text only, and there even if there is none
	Words  []wireWord `json:"words,omitzero"`
	Mean   *float64   `json:"mean,omitempty"`
	Median *float64   `json:"median,omitempty"`
	Hidden bool       `json:"hidden,omitempty"` // there is more, for the presenter only
	More   bool       `json:"more,omitempty"`   // there is more, for which an event had no room

	WordsTotal *int `json:"words_total,omitempty"` // with words: how many there are
}

type wireWord struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
}

// hide gives what of results people see from whom they are hidden.
func (w wireResults[O]) hide() wireResults[O] {
	return wireResults[O]{
		PollID: w.PollID, Status: w.Status, Version: w.Version, Revision: w.Revision,
		Total: w.Total, Identity: w.Identity,
		Mended: w.Mended, Options: []O{}, Hidden: true,
	}
}

func toResults[O any](r *poll.Results, option func(question.Option, int64) O) wireResults[O] {
	w := wireResults[O]{
		PollID: r.ID, Status: r.Status, Version: r.Opened, Revision: r.Revision, Total: r.Voters,
		Identity: r.Identity,
		Mended:   r.Mended, Options: make([]O, len(r.Options)),
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

// resultsTag is the entity tag of results: whatever changes them raises the revision. suffix tells
// two views of them apart.
func resultsTag(r *poll.Results, suffix string) string {
	return `"` + strconv.FormatInt(r.Opened, 10) + "." +
		strconv.FormatInt(r.Revision, 10) + suffix + `"`
}

// seen gives what the presenter or anybody may see of a poll's results: the one place that decides
// it for answers, whatever their format.
func seen(r *poll.Results, presenter bool) wireResults[wireCount] {
	all := toResults(r, func(o question.Option,
		count int64) wireCount {
		return wireCount{wireOption(o), count}
	})
	if !presenter && r.Hidden() {
		return all.hide()
	}
	return all
}

// wireTally is an option without its value, which a viewer of the poll knows: results are sent at
// each live.Pace.
type wireTally struct {
	Key   string `json:"key"`
	Count int64  `json:"count"`
}

func toTallies(r poll.Results) wireResults[wireTally] {
	return toResults(&r, func(o question.Option,
		count int64) wireTally {
		return wireTally{o.Key, count}
	})
}

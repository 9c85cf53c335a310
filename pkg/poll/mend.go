package poll

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What a presentation's history may hold. Each text that a mend changes is one.
const (
	MaxMends   = 100  // of one poll
	MaxHistory = 1000 // of one presentation
)

// Mend is a text of a poll that was changed while people voted.
type Mend struct {
	Number   int64 // rises within the presentation
	PollID   uuid.UUID
	At       time.Time // by the store's clock, in milliseconds
	Revision int64     // that the poll has since
	Field    string    // "question", or "options[KEY]"
	Before   string
	After    string
}

// mendable says whether a poll may be mended. Votes for it may still come, and they name keys,
// which stay. Of a final poll nothing changes any more. A poll that nobody has seen needs no
// history.
func (d *Draft) mendable() bool {
	return d.State.Status == Open || d.State.Status == Closing
}

// mend takes down which texts of a poll differ. Errors: HasBeenShown, where more differs than
// texts, or too much was mended.
func (d *Draft) mend(old, now *Poll) error {
	if !old.SameBallot(&now.Question) {
		return fault.Errorf(HasBeenShown,
			"the poll has been displayed: only its question and its options' values can be "+
				"changed while people vote; take it off the slide and reset it, and it can be "+
				"edited again")
	}
	add := func(field, before, after string) {
		if before != after {
			d.Mends = append(d.Mends, Mend{
				PollID: now.ID, Revision: d.State.Revision + 1, Field: field,
				Before: before, After: after,
			})
		}
	}
	add("question", old.Text, now.Text)
	for i, o := range old.Options {
		add("options["+o.Key+"]", o.Value, now.Options[i].Value)
	}
	all := len(d.Mends)
	for i := range d.Polls {
		all += d.Polls[i].Mended
	}
	now.Mended = old.Mended + len(d.Mends)
	if now.Mended > MaxMends || all > MaxHistory {
		return fault.Errorf(HasBeenShown,
			"the poll has been displayed, and texts were mended too often: at most %d of a poll "+
				"and %d of a presentation can be; take it off the slide and reset it",
			MaxMends, MaxHistory)
	}
	return nil
}

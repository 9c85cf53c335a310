package poll

import (
	"strconv"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What banned words a poll may have.
const (
	MaxBanned       = 200 // words of one poll
	MaxBannedLength = 64  // characters of one
)

// Visibility says when people other than the presenter see a poll's results.
type Visibility string

// The visibilities.
const (
	Live          Visibility = "live"      // at any time
	After         Visibility = "after"     // when voting has ended: the poll left the slide, or was closed on it
	PresenterOnly Visibility = "presenter" // never
)

// Hidden says whether people other than the presenter must not see more of the results than how many have voted.
func (r *Results) Hidden() bool {
	return r.Visibility == PresenterOnly || r.Visibility == After && r.Status == Open
}

// checkRoom checks what a poll says of its results and of free text in the room, and puts it into its usual form.
func (q *Poll) checkRoom(at string, known texts) error {
	switch q.Visibility {
	case "":
		q.Visibility = Live
	case Live, After, PresenterOnly:
	default:
		return fault.Field(at+".results_visibility", `must be "live", "after" or "presenter"`)
	}
	if len(q.Banned) > MaxBanned {
		return fault.Field(at+".banned_words", "must hold at most %d words", MaxBanned)
	}
	var banned []string
	for i, word := range q.Banned {
		word, err := known.clean(at+".banned_words["+strconv.Itoa(i)+"]", word, MaxBannedLength, oneLine)
		if err != nil {
			return err
		}
		banned = append(banned, word)
	}
	q.Banned = banned
	return nil
}

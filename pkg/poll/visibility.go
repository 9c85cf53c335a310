package poll

import (
	"github.com/plenary-live/plenary/pkg/fault"
)

// Visibility says when people other than the presenter see a poll's results.
type Visibility string

// The visibilities.
const (
	Live Visibility = "live" // at any time
	// when voting has ended: the poll left the slide, or was closed on it
	After         Visibility = "after"
	PresenterOnly Visibility = "presenter" // never
)

// Hidden says whether people other than the presenter must not see more of the results than how
// many have voted.
func (r *Results) Hidden() bool {
	return r.Visibility == PresenterOnly || r.Visibility == After && r.Status == Open
}

// setVisibility checks when people see a poll's results, or says it where the presenter does not.
func (q *Poll) setVisibility(at string) error {
	switch q.Visibility {
	case "":
		q.Visibility = Live
	case Live, After, PresenterOnly:
	default:
		return fault.Field(at, `must be "live", "after" or "presenter"`)
	}
	return nil
}

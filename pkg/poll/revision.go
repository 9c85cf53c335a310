package poll

import (
	"slices"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Seen is the revisions of a presentation that an edit or a deletion may find, by
// Presentation.Edits. nil is any.
type Seen []int64

// Check refuses a presentation that was edited since. Stale.
func (s Seen) Check(edits int64) error {
	if s == nil || slices.Contains(s, edits) {
		return nil
	}
	return fault.Errorf(fault.Stale, "the presentation was edited meanwhile; "+
		"read it again, and send the edit with its new ETag")
}

// IfSeen is an edit that is made only where the presentation is at a revision that its presenter
// has seen. Of many editors of the same revision one succeeds. A transition does no harm.
type IfSeen struct {
	Edit
	Seen Seen
}

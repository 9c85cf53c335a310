package poll

import "github.com/plenary-live/plenary/pkg/question"

// MaxRefolded is how many voters a poll may have whose words are counted anew on the way of other
// work. A larger one is left to Store.Refold.
const MaxRefolded = 5000

// Folding says how the words of a poll are counted.
type Folding struct {
	Fold question.Fold
	// a process that does not know this fold wrote the poll's state last, and may have counted by
	// another one
	Stale bool
}

// Due says whether the words are to be counted anew by the present fold. A poll whose results are
// final keeps the words of one older fold that counted all of them. A pending one has no words; but
// a process that knows no spellings leaves them behind when it resets a poll.
func (f Folding) Due(kind question.Kind, status Status) bool {
	switch {
	case !kind.FreeText():
		return false
	case status == Pending:
		return f.Stale
	case status == Final:
		return f.Stale && f.Fold == question.PresentFold
	}
	return f.Stale || f.Fold != question.PresentFold
}

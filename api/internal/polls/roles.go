package polls

import "github.com/plenary-live/plenary/pkg/access"

// Who may do what: the least role for each.
const (
	toMove = access.Remote // what is displayed, and whether it takes votes
	// polls that nobody has seen, results and answers that are hidden, how many people are
	// connected
	toSee   = access.Remote
	toHide  = access.Remote // an answer that somebody wrote
	toEdit  = access.Owner  // the presentation and its polls, also to reset and to delete
	toTake  = access.Owner  // away: exports, votes lists, hidden results in tables
	toGrant = access.Owner  // tokens and join codes
)

package poll

import "github.com/plenary-live/plenary/pkg/fault"

// The codes of the polls feature's own.
var (
	NotDisplayed = fault.Conflict.Named("not_displayed")       // the poll is not on the slide, or voting for it is closed
	TooLate      = fault.Conflict.Named("late")                // the vote came behind the seal of its poll
	OutOfPolls   = fault.Conflict.Named("out_of_polls")        // there is no next or previous poll
	HasBeenShown = fault.Conflict.Named("poll_has_been_shown") // people have seen the poll as it is: it cannot be edited any more
	NotFinal     = fault.Conflict.Named("poll_not_final")      // votes for the poll may still arrive: it cannot be reset yet
	LastPoll     = fault.Conflict.Named("last_poll")           // a presentation keeps at least one poll
)

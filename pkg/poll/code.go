package poll

import "github.com/plenary-live/plenary/pkg/fault"

// The codes of the polls feature's own.
var (
	// the poll is not on the slide, or voting for it is closed
	NotDisplayed = fault.Conflict.Named("not_displayed")
	// the vote came behind the seal of its poll
	TooLate    = fault.Conflict.Named("late")
	OutOfPolls = fault.Conflict.Named("out_of_polls") // there is no next or previous poll
	// people have seen the poll as it is: it cannot be edited any more
	HasBeenShown = fault.Conflict.Named("poll_has_been_shown")
	// votes for the poll may still arrive: it cannot be reset yet
	NotFinal = fault.Conflict.Named("poll_not_final")
	// a presentation keeps at least one poll
	LastPoll = fault.Conflict.Named("last_poll")
)

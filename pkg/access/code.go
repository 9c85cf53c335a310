package access

import "github.com/plenary-live/plenary/pkg/fault"

// Why somebody may not take part.
var (
	NoPass      = fault.Unauthenticated.Named("pass_required") // only voters with a pass may vote
	BadPass     = fault.Unauthenticated.Named("invalid_pass")  // a pass that was not given for this thing
	OldPass     = fault.Unauthenticated.Named("pass_expired")  // a pass whose time is over
	NoPasses    = fault.Conflict.Named("no_passes")            // no passes are given: anyone may vote
	BadPasscode = fault.Forbidden.Named("wrong_passcode")      // not what a pass takes
	RoomFull    = fault.Conflict.Named("room_full")            // as many passes as there may be have been given
)

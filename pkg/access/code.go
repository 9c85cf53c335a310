package access

import "github.com/plenary-live/plenary/pkg/fault"

// Why somebody may not take part.
var (
	NoPass = fault.Unauthenticated.Named("pass_required") // only voters with a pass may vote
	// a pass that was not given for this thing
	BadPass = fault.Unauthenticated.Named("invalid_pass")
	OldPass = fault.Unauthenticated.Named("pass_expired") // a pass whose time is over
	// no passes are given: anyone may vote
	NoPasses    = fault.Conflict.Named("no_passes")
	BadPasscode = fault.Forbidden.Named("wrong_passcode") // not what a pass takes
	// as many passes as there may be have been given
	RoomFull = fault.Conflict.Named("room_full")
)

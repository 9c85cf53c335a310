package access

import "github.com/plenary-live/plenary/pkg/fault"

// forPass is asked of a voter who has no pass that is good.
const forPass = `Pass realm="voters"`

// Why somebody may not take part.
var (
	// only voters with a pass may vote
	NoPass = fault.Unauthenticated.Named("pass_required").Asking(forPass)
	// a pass that was not given for this thing
	BadPass = fault.Unauthenticated.Named("invalid_pass").Asking(forPass)
	// a pass whose time is over
	OldPass = fault.Unauthenticated.Named("pass_expired").Asking(forPass)
	// no passes are given: anyone may vote
	NoPasses    = fault.Conflict.Named("no_passes")
	BadPasscode = fault.Forbidden.Named("wrong_passcode") // not what a pass takes
	// as many passes as there may be have been given
	RoomFull = fault.Conflict.Named("room_full")
)

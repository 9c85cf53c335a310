package access

import "github.com/plenary-live/plenary/pkg/fault"

// forPass is asked of a voter who has no pass that is good.
const forPass = `Pass realm="voters"`

// What is asked of somebody whose account nobody knows. badSession is as RFC 6750, section 3.1.
const (
	forSession = `Bearer realm="account"`
	badSession = forSession + `, error="invalid_token"`
)

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
	// no token that a log-in gave
	BadSession = fault.Unauthenticated.Named("invalid_session").Asking(badSession)
	// its time is over
	OldSession = fault.Unauthenticated.Named("session_expired").Asking(badSession)
	// its account has ended it, or is gone
	EndedSession = fault.Unauthenticated.Named("session_ended").Asking(badSession)
	// there is no such account, or this is not its password
	WrongPassword = fault.Unauthenticated.Named("wrong_password").Asking(forSession)
	// only accounts may do that
	NoSession = fault.Unauthenticated.Named("login_required").Asking(forSession)
)

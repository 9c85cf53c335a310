package account

import "github.com/plenary-live/plenary/pkg/fault"

// The codes of the feature's own.
var (
	// another account has this e-mail address
	EmailTaken = fault.Conflict.Named("email_taken")
	// the link was used, or replaced, or its time is over
	BadReset = fault.Forbidden.Named("invalid_reset")
)

package account

import "github.com/plenary-live/plenary/pkg/fault"

// The codes of the feature's own.
var (
	// another account has this e-mail address
	EmailTaken = fault.Conflict.Named("email_taken")
	// the link was used, or replaced, or its time is over
	BadReset = fault.Forbidden.Named("invalid_reset")
	// the server sends no letters
	NoMail = fault.NotFound.Named("no_mail")
	// nobody logs in by a provider here
	NoProvider = fault.NotFound.Named("no_provider")
	// this browser has not begun this log-in, or its time is over, or what the provider said is
	// not right
	BadAttempt = fault.Forbidden.Named("invalid_log_in")
	// the provider did not let the person in, or the person did not want to
	Refused = fault.Forbidden.Named("log_in_refused")
	// the provider does not say that the e-mail address is the person's
	Unproven = fault.Forbidden.Named("email_unverified")
)

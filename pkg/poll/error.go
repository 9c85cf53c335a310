package poll

import (
	"errors"
	"fmt"
	"time"
)

// ErrorKind is what a caller may have to tell apart. The HTTP face maps each to one status.
type ErrorKind string

// The kinds of errors.
const (
	Invalid      ErrorKind = "invalid"             // what was sent is wrong; Field names where
	NotFound     ErrorKind = "not_found"           // an id or code that names nothing
	NotDisplayed ErrorKind = "not_displayed"       // the poll is not on the slide, or voting for it is closed
	TooLate      ErrorKind = "late"                // the vote came behind the seal of its poll
	OutOfPolls   ErrorKind = "out_of_polls"        // there is no next or previous poll
	Stale        ErrorKind = "stale"               // the caller's version is not the present one
	Conflict     ErrorKind = "conflict"            // the same id or join code is there already
	HasBeenShown ErrorKind = "poll_has_been_shown" // people have seen the poll as it is: it cannot be edited any more
	NotFinal     ErrorKind = "poll_not_final"      // votes for the poll may still arrive: it cannot be reset yet
	LastPoll     ErrorKind = "last_poll"           // a presentation keeps at least one poll
	NotFreeText  ErrorKind = "not_free_text"       // people choose their answers to the poll: it has none in free text
	WordBanned   ErrorKind = "word_banned"         // the text holds a banned word: it cannot be shown
	Busy         ErrorKind = "too_many_requests"   // too much of this voter at once
	NoPass       ErrorKind = "pass_required"       // the presentation takes votes with a pass only
	BadPass      ErrorKind = "invalid_pass"        // a pass that was not given for this presentation
	OldPass      ErrorKind = "pass_expired"        // a pass whose time is over
	NoPasses     ErrorKind = "no_passes"           // the presentation gives no passes: anyone may vote
	BadPasscode  ErrorKind = "wrong_passcode"      // not what a pass of this presentation takes
	RoomFull     ErrorKind = "room_full"           // as many passes as there may be have been given
	Unavailable  ErrorKind = "unavailable"         // something is away or full; trying again is right, and the outcome is unknown
)

// Error is what the domain and its ports answer. An error that is none of these is a fault of the program.
type Error struct {
	Kind   ErrorKind
	Field  string        // as named on the wire; only for Invalid
	Detail string        // for people, without internals
	Cause  error         // for logs, never for people outside
	Wait   time.Duration // after that, trying again may help; 0: nobody knows
}

func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error of a kind. The text is for people outside.
func Errorf(kind ErrorKind, format string, args ...any) error {
	return &Error{Kind: kind, Detail: sprintf(format, args...)}
}

// Unavailablef makes an error of the kind Unavailable with the cause that logs may show.
func Unavailablef(cause error, format string, args ...any) error {
	return &Error{Kind: Unavailable, Detail: sprintf(format, args...), Cause: cause}
}

// BusyFor makes an error of the kind Busy that says when it is over.
func BusyFor(wait time.Duration, format string, args ...any) error {
	return &Error{Kind: Busy, Detail: sprintf(format, args...), Wait: wait}
}

// KindOf gives the kind of err, or "" when it is not the domain's.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// Package fault says what went wrong, so that every layer tells it apart alike.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a caller can do about an error. HTTP maps each kind to one status.
type Kind string

// Code names an error. Its name is stable: clients rely on it. A code is one of the ten kinds
// themselves, or a feature's own of one of these kinds (Named). Codes are comparable.
type Code struct {
	Kind Kind
	Name string

	// Challenge is what a caller is to show whom nobody knows: an authentication scheme with its
	// realm, as HTTP has it. Empty: a token.
	Challenge string
}

// The ten kinds.
var (
	Invalid         = kind("invalid")                // what was sent is wrong; Field names where
	Unauthenticated = kind("unauthorized")           // nobody knows whose request it is
	Forbidden       = kind("forbidden")              // it is known, and is not allowed
	NotFound        = kind("not_found")              // an id or code names nothing
	Conflict        = kind("conflict")               // what is there does not allow it
	Stale           = kind("stale")                  // the caller's version is not the present one
	TooLarge        = kind("payload_too_large")      // more was sent than is read
	Unsupported     = kind("unsupported_media_type") // nobody reads what was sent in this form
	Busy            = kind("too_many_requests")      // this caller asks for too much at once
	// something is away or full; the outcome is unknown
	Unavailable = kind("unavailable")
)

func kind(name string) Code { return Code{Kind: Kind(name), Name: name} }

// Named makes a code of a feature's own, of the same kind.
func (c Code) Named(name string) Code { return Code{Kind: c.Kind, Name: name} }

// Asking makes the same code with a challenge.
func (c Code) Asking(challenge string) Code {
	c.Challenge = challenge
	return c
}

func (c Code) String() string { return c.Name }

// Error is what the domain and its ports answer. An error that is none of these is a fault of
// the program.
type Error struct {
	Code   Code
	Field  string        // as named on the wire; only for the kind Invalid
	Detail string        // for people, without internals
	Wrongs Wrongs        // all that are wrong, this one first; nil: it is the only one
	Cause  error         // for logs, never for people outside
	Wait   time.Duration // after that, trying again may help; 0: nobody knows
}

func (e *Error) Error() string {
	s := e.Code.Name
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if more := len(e.Wrongs) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d fields more)", more)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error with a code. The text is for people outside.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Field makes an Invalid error about one field of what was sent, named as on the wire.
func Field(field, format string, args ...any) error {
	return &Error{Code: Invalid, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Unavailablef makes an Unavailable error with a cause that logs may show.
func Unavailablef(cause error, format string, args ...any) error {
	return &Error{Code: Unavailable, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

// BusyFor makes a Busy error that says when it is over.
func BusyFor(wait time.Duration, format string, args ...any) error {
	return &Error{Code: Busy, Detail: fmt.Sprintf(format, args...), Wait: wait}
}

// CodeOf gives the code of an error. It is the zero Code where the error is none of the domain's.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Code{}
}

// Is says whether an error has a code. One of the ten kinds stands for every code of its kind.
func Is(err error, code Code) bool {
	found := CodeOf(err)
	return found == code || string(code.Kind) == code.Name && found.Kind == code.Kind
}

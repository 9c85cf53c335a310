// Package form is the forms feature without I/O of its own. Questions are answered together, and a
// response is kept as a whole or not at all.
package form

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Limits of a form.
const (
	MaxTitle     = 300  // characters
	MaxIntro     = 2000 // characters
	MaxQuestions = 200  // with sections, and questions that are closed
	MaxRules     = 50
	MaxBytes     = 256 << 10 // of all texts
	MaxResponses = 1_000_000 // that a form may bound itself to
)

// Settings say who may respond to a form, and how long.
type Settings struct {
	Title        string
	Intro        string    // empty: none
	Email        string    // of the owner, who alone sees it; empty: none
	ClosesAt     time.Time // zero: never
	Closed       bool      // by hand
	MaxResponses int       // so many may stand; 0: any number
	OnePerPerson bool
	Voters       access.Voters // who may respond
}

// Form is questions that are answered together, with how many responses stand. Times are in UTC, to
// the millisecond.
type Form struct {
	ID        uuid.UUID
	Code      string // by which people find it
	TokenHash [32]byte
	Account   uuid.UUID // whose it is, as well; Nil: nobody's
	Partition int       // of the log, for ever
	Settings
	Definition
	Edits int64 // how often it was edited

	Responses int64 // that stand
	Numbered  int64 // the number of the last response
	Revision  int64 // how often its responses changed
}

// Owns says whether the holder of what has a hash owns a form. That is a token's SHA-256, or what
// access.OfAccount gives.
func (f *Form) Owns(hash [32]byte) bool {
	tokens := access.Tokens{TokenHash: f.TokenHash, Account: f.Account}
	return tokens.Holds(hash) != access.Anybody
}

// Stand is a number that rises with every edit, and with every change of the responses.
func (f *Form) Stand() int64 { return f.Edits + f.Revision }

// Over says whether a form takes no responses any more.
func (s *Settings) Over(now time.Time) bool {
	return s.Closed || !s.ClosesAt.IsZero() && !now.Before(s.ClosesAt)
}

// Full says whether as many responses stand as the form may have.
func (f *Form) Full() bool { return f.MaxResponses > 0 && f.Responses >= int64(f.MaxResponses) }

// Check checks what an owner wrote, and puts it into its usual form. Questions and rules without an
// id get one. If old is not nil, the texts that it has stay as they are. Errors are of the kind
// Invalid and name all fields that are wrong.
func (f *Form) Check(old *Form) error {
	var wrongs fault.Wrongs
	f.Settings.check(&wrongs)
	var before *Definition
	if old != nil {
		before = &old.Definition
	}
	f.Definition.check(&wrongs, before)
	if size := len(f.Title) + len(f.Intro) + f.Definition.size(); size > MaxBytes {
		wrongs.Add("questions", "must have at most %d KiB of text", MaxBytes>>10)
	}
	return wrongs.Err()
}

// The times at which a form may close: those that every reader of RFC 3339 and every database
// knows.
var (
	earliest = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)
)

func (s *Settings) check(wrongs *fault.Wrongs) {
	var err error
	if s.Title, err = question.CleanLine("title", s.Title, MaxTitle); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if s.Intro != "" {
		if s.Intro, err = question.CleanText("intro", s.Intro, MaxIntro); err != nil {
			_ = wrongs.Note(err)
		}
	}
	if s.Email != "" {
		if s.Email, err = question.CleanEmail("email", s.Email); err != nil {
			_ = wrongs.Note(err)
		}
	}
	switch {
	case s.ClosesAt.IsZero():
	case s.ClosesAt.Before(earliest) || s.ClosesAt.After(latest):
		wrongs.Add("closes_at", "must be between the years 1970 and 9998")
	default:
		s.ClosesAt = s.ClosesAt.UTC().Truncate(time.Millisecond)
	}
	if s.MaxResponses < 0 || s.MaxResponses > MaxResponses {
		wrongs.Add("max_responses", "must be between 0 and %d", MaxResponses)
	}
	switch s.Voters {
	case access.Anyone, access.ByPass, access.ByAccount:
	case "":
		s.Voters = access.Anyone
	default:
		wrongs.Add("voters", access.OneOf)
	}
}

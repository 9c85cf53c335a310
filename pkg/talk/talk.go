// Package talk is the talks feature without I/O of its own: a conference's programme, whose talks
// people rate from 1 to 5.
package talk

import (
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Limits of a talk and of a rating.
const (
	MaxTitle      = 300 // characters
	MaxSpeaker    = 300 // characters
	MaxComment    = 1000
	MaxMinRatings = 1_000_000
	MaxSource     = 200 // characters
	MaxImport     = 1000
)

// Programme is the thing that a change of any talk is announced of as well.
var Programme = uuid.MustParse("76e0a4c2-5b1d-8f3a-9c46-2d7f1b08e5a9")

// Why somebody may not rate.
var (
	NotOpen = fault.Conflict.Named("talk_not_open") // its ratings have not begun
	Closed  = fault.Conflict.Named("talk_closed")   // its ratings are over
)

// Comments says what becomes of what people write beside their rating.
type Comments string

// The kinds of comments.
const (
	Shown     Comments = "on"        // a comment is shown until its owner hides it
	Refused   Comments = "off"       // a rating has no comment
	Moderated Comments = "moderated" // a comment is hidden until its owner shows it
)

// Settings say how a talk is rated. Times are zero where nobody has said one.
type Settings struct {
	OpensAt    time.Time // zero: when the talk starts
	ClosesAt   time.Time // zero: never
	MinRatings int       // nobody but the owner sees numbers of fewer ratings
	Comments   Comments
	Voters     access.Voters
}

// Talk is an item of the programme, with the tally of its ratings. Times are in UTC, to the
// millisecond.
type Talk struct {
	ID        uuid.UUID
	Code      string // by which people find it
	TokenHash [32]byte
	Account   uuid.UUID // whose it is, as well; Nil: nobody's
	Origin
	Partition int // of the log, for ever
	Title     string
	Speaker   string    // empty: nobody has said one
	StartsAt  time.Time // zero: nobody has said when
	EndsAt    time.Time
	Settings
	Edits int64 // how often it was edited

	Tally
	Revision int64 // how often its ratings changed
	Weak     bool  // a rating was of somebody whom a client's own id told apart
	Nameless bool  // a rating was of somebody whom no account told apart
}

// Owns says whether the holder of what has a hash owns a talk. That is a token's SHA-256, or what
// access.OfAccount gives. The token of an import owns all its talks.
func (t *Talk) Owns(hash [32]byte) bool {
	tokens := access.Tokens{TokenHash: t.TokenHash, Account: t.Account}
	if t.Importer != ofAccount(t.Account) { // an account has its right by Account alone
		tokens.RemoteHash = t.Importer
	}
	return tokens.Holds(hash) != access.Anybody
}

// Check checks what an owner wrote, and puts it into its usual form. Errors are of the kind Invalid
// and name all fields that are wrong.
func (t *Talk) Check() error {
	var wrongs fault.Wrongs
	var err error
	if t.Title, err = question.CleanLine("title", t.Title, MaxTitle); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if t.Speaker != "" {
		if t.Speaker, err = question.CleanLine("speaker", t.Speaker, MaxSpeaker); err != nil {
			_ = wrongs.Note(err)
		}
	}
	for _, at := range []struct {
		field string
		time  *time.Time
	}{
		{"starts_at", &t.StartsAt}, {"ends_at", &t.EndsAt},
		{"settings.opens_at", &t.OpensAt}, {"settings.closes_at", &t.ClosesAt},
	} {
		checkTime(&wrongs, at.field, at.time)
	}
	if !t.EndsAt.IsZero() && t.EndsAt.Before(t.StartsAt) {
		wrongs.Add("ends_at", "must not be before starts_at")
	}
	t.check(&wrongs, t.opens())
	return wrongs.Err()
}

func (s *Settings) check(wrongs *fault.Wrongs, opens time.Time) {
	if !s.ClosesAt.IsZero() && !s.ClosesAt.After(opens) {
		wrongs.Add("settings.closes_at", "must be after the ratings open")
	}
	if s.MinRatings < 0 || s.MinRatings > MaxMinRatings {
		wrongs.Add("settings.min_ratings", "must be between 0 and %d", MaxMinRatings)
	}
	switch s.Comments {
	case Shown, Refused, Moderated:
	case "":
		s.Comments = Shown
	default:
		wrongs.Add("settings.comments", OneOfComments)
	}
	switch s.Voters {
	case access.Anyone, access.ByPass, access.ByAccount:
	case "":
		s.Voters = access.Anyone
	default:
		wrongs.Add("settings.voters", access.OneOf)
	}
}

// OneOfComments is what an error says that Comments must be.
const OneOfComments = `must be "on", "off" or "moderated"`

// The times that a talk may have: those that every reader of RFC 3339 and every database knows.
var (
	earliest = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)
)

func checkTime(wrongs *fault.Wrongs, field string, at *time.Time) {
	switch {
	case at.IsZero():
	case at.Before(earliest) || at.After(latest):
		wrongs.Add(field, "must be between the years 1970 and 9998")
	default:
		*at = at.UTC().Truncate(time.Millisecond)
	}
}

// opens is when ratings open; zero: they were never closed.
func (t *Talk) opens() time.Time {
	if !t.OpensAt.IsZero() {
		return t.OpensAt
	}
	return t.StartsAt
}

// Takes says whether a talk takes ratings at a time. Errors: NotOpen, Closed.
func (t *Talk) Takes(now time.Time) error {
	switch {
	case now.Before(t.opens()):
		return fault.Errorf(NotOpen, "this talk takes ratings from %s on",
			t.opens().Format(time.RFC3339))
	case !t.ClosesAt.IsZero() && !now.Before(t.ClosesAt):
		return fault.Errorf(Closed, "this talk took ratings until %s",
			t.ClosesAt.Format(time.RFC3339))
	}
	return nil
}

// Hidden says whether the numbers are for the owner alone.
func (t *Talk) Hidden() bool { return t.Count() < int64(t.MinRatings) }

// Identity says how strongly the people who rated are told apart.
func (t *Talk) Identity() access.Identity {
	asked := t.Voters.Identity()
	switch {
	case t.Weak:
		return access.ByClient
	case t.Nameless:
		return asked.Least(access.Passed)
	}
	return asked
}

// Stand is a number that rises with every edit, and with every change of the ratings.
func (t *Talk) Stand() int64 { return t.Edits + t.Revision }

// CleanComment gives a comment the form in which it is kept; empty: there is none. Errors are of
// the kind Invalid.
func CleanComment(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return question.CleanText("comment", text, MaxComment)
}

// storable says of a comment of the log whether a store can keep it. What is clean was decided by
// the API.
func storable(text string) bool {
	if utf8.RuneCountInString(text) > MaxComment || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r == 0 {
			return false
		}
	}
	return true
}

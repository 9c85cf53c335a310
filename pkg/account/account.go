// Package account is people who registered: who they are, how they prove it, and how long it is
// believed.
package account

import (
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Bounds of what a person writes.
const (
	MaxUsername = 50                // characters
	MaxEmail    = question.MaxEmail // bytes
	MinPassword = 8                 // characters
	MaxPassword = 128               // characters
)

// Account is a person who registered.
type Account struct {
	ID       uuid.UUID
	Email    string // as CleanEmail gives it; nobody else has it
	Username string // a name to show; others may have it, too
	Password string // its hash; empty: the account has none
	Epoch    int64  // a session of a lower one has ended
	Verified bool   // the address was proven to be the person's since it was written
	Identity        // at an OpenID Connect provider; zero: none
}

// Identity is who somebody is at an OpenID Connect provider.
type Identity struct{ Issuer, Subject string }

// New makes an account of what a person wrote, without a password. Errors are of the kind Invalid
// and name all fields that are wrong.
func New(username, email string) (a Account, err error) {
	var wrongs fault.Wrongs
	if a.Username, err = question.CleanLine("username", username, MaxUsername); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if a.Email, err = CleanEmail(email); err != nil {
		_ = wrongs.Note(err)
	}
	if err := wrongs.Err(); err != nil {
		return Account{}, err
	}
	a.ID, a.Epoch = uuid.Must(uuid.NewV7()), 1
	return a, nil
}

// Check checks what a person registers with. Errors are of the kind Invalid and name all fields
// that are wrong.
func Check(username, email, password string) error {
	_, _, err := newcomer(username, email, password)
	return err
}

// newcomer makes an account of what a person registers with, and gives the password that is to be
// hashed for it. Errors are those of Check.
func newcomer(username, email, password string) (a Account, clean string, err error) {
	var wrongs fault.Wrongs
	if a, err = New(username, email); err != nil {
		_ = wrongs.Note(err) // it names its fields
	}
	if clean, err = CleanPassword("password", password); err != nil {
		_ = wrongs.Note(err)
	}
	return a, clean, wrongs.Err()
}

// Linked gives the account as it is when a provider has said that its e-mail address is that of the
// person with an identity. The password stays if the address was proven before, and no other
// identity was there. Else somebody may have come first who is not that person: their password
// goes, and their sessions end.
func (a Account) Linked(i Identity) Account {
	if !a.Verified || a.Identity != (Identity{}) && a.Identity != i {
		a.Password = ""
		a.Epoch++
	}
	a.Identity, a.Verified = i, true
	return a
}

// CleanEmail gives an e-mail address the form in which it is stored and compared, as
// question.CleanEmail does. Errors are of the kind Invalid.
func CleanEmail(typed string) (string, error) { return question.CleanEmail("email", typed) }

// CleanPassword gives a password the form in which it is hashed (NFC), so that two keyboards write
// the same one. Errors are of the kind Invalid, and name the field.
func CleanPassword(field, typed string) (string, error) {
	if !utf8.ValidString(typed) || len(typed) > utf8.UTFMax*MaxPassword {
		return "", fault.Field(field, "must have %d to %d characters", MinPassword, MaxPassword)
	}
	password := norm.NFC.String(typed)
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword {
		return "", fault.Field(field, "must have %d to %d characters", MinPassword, MaxPassword)
	}
	return password, nil
}

// ResetLife is how long a link for another password is good for.
const ResetLife = time.Hour

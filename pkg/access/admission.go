package access

import (
	"crypto/subtle"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What an admission may say.
const (
	MaxVotersLimit    = 1_000_000
	MinPasscodeLength = 4
	MaxPasscodeLength = 12
)

// Voters says who may vote.
type Voters string

// The kinds of voters.
const (
	Anyone    Voters = "anyone"  // a voter is whatever id a client makes up
	ByPass    Voters = "pass"    // a voter is a pass that the server has given
	ByAccount Voters = "account" // a voter is an account, which has a pass that follows from it
)

// Identity says how strongly the voters are told apart: as the weakest of its votes.
type Identity string

// The identities, the weaker first.
const (
	ByClient Identity = "client"  // by an id of the client's own
	Passed   Identity = "pass"    // by a pass of the server's
	LoggedIn Identity = "account" // by an account
)

// identities are those by which voters are told apart.
var identities = map[Voters]Identity{Anyone: ByClient, ByPass: Passed, ByAccount: LoggedIn}

// Identity gives how strongly such voters are told apart.
func (v Voters) Identity() Identity { return identities[v] }

// strength orders identities.
var strength = map[Identity]int{ByClient: 0, Passed: 1, LoggedIn: 2}

// Least gives the weaker of two identities.
func (i Identity) Least(other Identity) Identity {
	if strength[other] < strength[i] {
		return other
	}
	return i
}

// OfServer says whether voters were told apart by ids of the server's making.
func (i Identity) OfServer() bool { return strength[i] > 0 }

// Admits says whether a voter of such an identity may vote.
func (v Voters) Admits(i Identity) bool { return strength[i] >= strength[v.Identity()] }

// OneOf is what an error says that voters must be.
const OneOf = `must be "anyone", "pass" or "account"`

// Admission says who may vote, and what a pass takes.
type Admission struct {
	Voters    Voters
	MaxVoters int    // how many passes are given; 0: any number
	Passcode  string // what has to be said for a pass, as CleanPasscode gives it; empty: nothing
}

// maxTyped is how many bytes of a typed passcode are looked at: many more than any passcode has,
// however it is typed.
const maxTyped = 256

// CleanPasscode gives a passcode that a person typed the form in which it is stored and compared.
// Of a passcode that is far too long it gives a text that is no passcode. The form has:
//   - compatible letters (NFKC), in capitals however their case folds
//   - plain digits
//   - no spaces, dashes and invisible signs
func CleanPasscode(typed string) string {
	if len(typed) > maxTyped { // to fold a megabyte takes half a second
		return "\x00"
	}
	return strings.ToUpper(strings.Map(plainSign, cases.Fold().String(norm.NFKC.String(typed))))
}

// plainSign gives digits of any script as those that every keyboard has, and drops what separates,
// and what nobody sees.
func plainSign(r rune) rune {
	switch {
	case unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf):
		return -1
	case unicode.IsDigit(r):
		zero := r // a script's ten digits follow one another
		for unicode.IsDigit(zero - 1) {
			zero--
		}
		return '0' + (r-zero)%10
	}
	return r
}

// Check checks an admission as its owner wrote it, and puts it into its usual form. Errors name the
// field.
func (a Admission) Check() (Admission, error) {
	a.Passcode = CleanPasscode(a.Passcode)
	switch {
	case a.Voters == "":
		a.Voters = Anyone
	case identities[a.Voters] == "":
		return a, fault.Field("voters", OneOf)
	}
	switch length := len([]rune(a.Passcode)); {
	case a.MaxVoters < 0 || a.MaxVoters > MaxVotersLimit:
		return a, fault.Field("max_voters", "must be between 0 and %d", MaxVotersLimit)
	case a.MaxVoters > 0 && a.Voters != ByPass:
		return a, fault.Field("max_voters", `is for voters with a pass only: voters must be "pass"`)
	case a.Passcode != "" && a.Voters != ByPass:
		return a, fault.Field("passcode", `is for voters with a pass only: voters must be "pass"`)
	case a.Passcode == "":
	case length < MinPasscodeLength || length > MaxPasscodeLength ||
		strings.ContainsFunc(a.Passcode, notInPasscode):
		return a, fault.Field("passcode", "must have %d to %d letters and digits",
			MinPasscodeLength, MaxPasscodeLength)
	}
	return a, nil
}

func notInPasscode(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// Opens says whether a passcode, as it was typed, is the one that a pass takes. The time that it
// takes does not depend on where they differ.
func (a Admission) Opens(typed string) bool {
	return a.Passcode == "" ||
		subtle.ConstantTimeCompare([]byte(CleanPasscode(typed)), []byte(a.Passcode)) == 1
}

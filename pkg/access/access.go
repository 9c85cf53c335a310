// Package access says who may do what: a thing's owner by its token or account, a voter by a pass,
// anybody. It does no I/O.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// codeLetters are the letters and digits of join codes: none that look alike on a projector, and no
// vowels, so that no word comes out.
const codeLetters = "23456789BCDFGHJKMNPQRSTVWXZ"

// codeLength makes about 387 million codes.
const codeLength = 6

// NewCode draws a join code. Two may be equal: the store tells.
func NewCode() string {
	code := make([]byte, 0, codeLength)
	var b [2 * codeLength]byte
	for len(code) < codeLength {
		rand.Read(b[:])
		for _, r := range b {
			// 243 is the largest multiple of the 27 letters below 256: above it letters would not
			// be equally likely.
			if r < 243 && len(code) < codeLength {
				code = append(code, codeLetters[int(r)%len(codeLetters)])
			}
		}
	}
	return string(code)
}

// CleanCode gives a typed code the form in which it is stored, also one that was pasted with what
// stood around it. That is capital letters and digits, compatible ones alike (NFKC), and nothing
// else. Of what is far too long it gives what no code is.
func CleanCode(typed string) string {
	if len(typed) > maxTyped {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return plainSign(r)
	}, strings.ToUpper(norm.NFKC.String(typed)))
}

// IsCode says whether a code, cleaned, could be one that NewCode gave.
func IsCode(code string) bool {
	return len(code) == codeLength && strings.Trim(code, codeLetters) == ""
}

// Role says what somebody may do with a thing, such as a presentation. A higher one may do whatever
// a lower one may.
type Role int

// The roles.
const (
	Anybody Role = iota // sees what was shown, and votes
	// also moves slides, opens and closes voting, and sees what a presenter needs for that
	Remote
	Owner // the presenter: everything
)

func (r Role) String() string { return [...]string{"anybody", "remote", "owner"}[r] }

// Tokens is what the tokens of a thing hash to, with SHA-256, and whose it is. The zero hash is no
// token's.
type Tokens struct {
	TokenHash  [32]byte  // of the presenter's token
	RemoteHash [32]byte  // of the remote's; zero: there is none
	Account    uuid.UUID // the thing's owner, as well; Nil: none
}

// RoleOf says what the holder of a token may do, in a time that does not depend on where it differs
// from the right ones.
func (a *Tokens) RoleOf(token string) Role {
	return a.Holds(sha256.Sum256([]byte(token)))
}

// Holds is RoleOf for a token's hash, or for what OfAccount gives.
func (a *Tokens) Holds(hash [32]byte) Role {
	owner := subtle.ConstantTimeCompare(hash[:], a.TokenHash[:])
	remote := subtle.ConstantTimeCompare(hash[:], a.RemoteHash[:])
	switch {
	case hash == [32]byte{}:
		return Anybody
	case a.Account != uuid.Nil && hash == OfAccount(a.Account):
		return Owner
	case owner == 1:
		return Owner
	case remote == 1:
		return Remote
	}
	return Anybody
}

// NewToken draws a token of 256 bits, a presenter's or a remote's, and gives the hash that is
// stored in its place.
func NewToken() (token string, hash [32]byte) {
	var b [32]byte
	rand.Read(b[:])
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, sha256.Sum256([]byte(token))
}

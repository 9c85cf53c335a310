package poll

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// codeLetters are the letters and digits of join codes: none that look alike on a projector, and no vowels, so that no
// word comes out.
const codeLetters = "23456789BCDFGHJKMNPQRSTVWXZ"

// codeLength makes about 387 million codes.
const codeLength = 6

// NewJoinCode draws a join code. Two may be equal: the store tells.
func NewJoinCode() string {
	code := make([]byte, 0, codeLength)
	var b [2 * codeLength]byte
	for len(code) < codeLength {
		rand.Read(b[:])
		for _, r := range b {
			// 243 is the largest multiple of the 27 letters below 256: above it letters would not be equally likely.
			if r < 243 && len(code) < codeLength {
				code = append(code, codeLetters[int(r)%len(codeLetters)])
			}
		}
	}
	return string(code)
}

// CleanJoinCode gives a code that a person typed the form it is stored in: capitals, without spaces and hyphens.
func CleanJoinCode(typed string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(typed))
}

// IsJoinCode says whether a code, cleaned, could be one that NewJoinCode gave.
func IsJoinCode(code string) bool {
	return len(code) == codeLength && strings.Trim(code, codeLetters) == ""
}

// NewToken draws a presenter's token of 256 bits, and gives the hash that is stored in its place.
func NewToken() (token string, hash [32]byte) {
	var b [32]byte
	rand.Read(b[:])
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, sha256.Sum256([]byte(token))
}

// TokenMatches says whether a token is the one that was hashed, in a time that does not depend on where they differ.
func TokenMatches(token string, hash [32]byte) bool {
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], hash[:]) == 1
}

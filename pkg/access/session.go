package access

import (
	"context"
	"crypto/sha512"
	"strings"

	"github.com/google/uuid"
)

// Sessions tells accounts by the tokens that log-in gave them. It is safe for use by many
// goroutines.
type Sessions interface {
	// Account gives the account whose token it is. Errors: BadSession (nobody has given it),
	// OldSession (its time is over), EndedSession (the account has ended it, or is gone), and
	// Unavailable.
	Account(ctx context.Context, token string) (uuid.UUID, error)

	// Holder gives the account that was given a token, and looks nothing up: it may have ended the
	// session since. Nil: nobody has given it, its time is over, or its end is known here.
	Holder(token string) uuid.UUID
}

// IsSession says whether a token could be one that log-in gave, which is a JWT (RFC 7519). The
// token of a thing has no dot, and no key for creating has this form.
func IsSession(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// OfAccount gives what stands for an account where Tokens.Holds takes a token's hash. It is made by
// another function than those, so that no token hashes to it.
func OfAccount(account uuid.UUID) [32]byte { return sha512.Sum512_256(account[:]) }

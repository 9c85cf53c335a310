package accounts

import (
	"crypto/sha256"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

const (
	// addressRoom is how many times as many wrong passwords an address may try as one account has:
	// a hall may be behind it.
	addressRoom = 10
	// maxRight bounds the addresses that are known to have been right, and for whom.
	maxRight = 10_000
)

// target is at whose password somebody guesses: the hash of what names an account, so that its size
// is no client's.
type target [32]byte

func targetOf(email string) target { return sha256.Sum256([]byte(email)) }

// guess is who guesses at whose password.
type guess struct {
	at   target
	from netip.Prefix
}

// guesses bounds how many passwords can be tried out. A wrong one takes a token of its account and
// of its address, a right one none. An address that was right for an account is not held by what
// others try there, so that nobody locks a person out. It is safe for use by many goroutines.
type guesses struct {
	accounts  *limit.Limiter[target]
	addresses *limit.Limiter[netip.Prefix]
	right     *lru.Cache[guess, struct{}]
}

// newGuesses allows so many wrong ones a minute and account; 0: any number.
func newGuesses(n int, now func() time.Time) *guesses {
	right, err := lru.New[guess, struct{}](maxRight)
	if err != nil { // the size is positive
		panic(err)
	}
	most := addressRoom * n
	return &guesses{
		accounts:  limit.New[target](limit.Rate{PerMinute: n, Burst: n}, now),
		addresses: limit.New[netip.Prefix](limit.Rate{PerMinute: most, Burst: most}, now),
		right:     right,
	}
}

// try runs f, which checks a password. Tokens are taken before it is known what they are worth:
// many tries at once must not all see the same one. Errors: f's, and Busy.
func (g *guesses) try(who guess, f func() error) error {
	known := g.right.Contains(who)
	if wait := g.addresses.Take(who.from); wait > 0 {
		return fault.BusyFor(wait, "too many wrong passwords came from this address")
	}
	if !known {
		if wait := g.accounts.Take(who.at); wait > 0 {
			g.addresses.Give(who.from)
			return fault.BusyFor(wait, "too many wrong passwords were tried for this account")
		}
	}
	err := f()
	if fault.Is(err, access.WrongPassword) {
		return err
	}
	g.addresses.Give(who.from)
	if !known {
		g.accounts.Give(who.at)
	}
	if err == nil {
		g.right.Add(who, struct{}{})
	}
	return err
}

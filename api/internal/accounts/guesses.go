package accounts

import (
	"crypto/sha256"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

const (
	// addressRoom is how many times as many wrong passwords an address may try as one account has:
	// a hall may be behind it. An account logs in so many times as often, too.
	addressRoom = 10
	// maxKnown bounds the addresses that are known to have been right, and for whom.
	maxKnown = 10_000
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
// of its address, a right one none. So a hall behind one address logs in at once, as fast as
// passwords are checked. An address that was right for an account has tokens of its own there, so
// that nobody elsewhere locks a person out. It is safe for use by many goroutines.
type guesses struct {
	// accounts has wrong ones of a known address, or of all others together.
	accounts  *limit.Limiter[guess]
	addresses *limit.Limiter[netip.Prefix]
	known     *lru.Cache[guess, struct{}] // who was right
	// right bounds right passwords, since each takes a processor for a while. Nobody else can use
	// up what an account has.
	right *limit.Limiter[target]
}

// newGuesses allows so many wrong ones a minute and account; 0: any number, of right ones, too.
func newGuesses(n int, now func() time.Time) *guesses {
	known, err := lru.New[guess, struct{}](maxKnown)
	if err != nil { // the size is positive
		panic(err)
	}
	few := limit.Rate{PerMinute: n, Burst: n}
	many := limit.Rate{PerMinute: addressRoom * n, Burst: addressRoom * n}
	return &guesses{
		accounts:  limit.New[guess](few, now),
		addresses: limit.New[netip.Prefix](many, now),
		known:     known,
		right:     limit.New[target](many, now),
	}
}

// guard gives what bounds the checks of a guesser's passwords.
func (g *guesses) guard(who guess) account.Guard {
	return func(check func() error) error { return g.try(who, check) }
}

// full refuses a try that would be refused now, before anything is done for it.
func (g *guesses) full(who guess) error {
	give, err := g.take(who)
	if err == nil {
		give()
	}
	return err
}

// try runs a check of a password. Tokens are taken before it is known what they are worth: many
// tries at once must not all see the same one. Errors: the check's, and Busy.
func (g *guesses) try(who guess, check func() error) error {
	give, err := g.take(who)
	if err != nil {
		return err
	}
	if err = check(); fault.Is(err, access.WrongPassword) {
		return err
	}
	give()
	if err == nil {
		g.right.Take(who.at)
		g.known.Add(who, struct{}{})
	}
	return err
}

// take takes the tokens of a wrong password. give gives them back. Busy: there are none.
func (g *guesses) take(who guess) (give func(), err error) {
	if wait := g.right.Wait(who.at); wait > 0 {
		return nil, fault.BusyFor(wait, "this account has logged in too often")
	}
	if wait := g.addresses.Take(who.from); wait > 0 {
		return nil, fault.BusyFor(wait, "too many wrong passwords came from this address")
	}
	there := guess{at: who.at}
	if g.known.Contains(who) {
		there = who
	}
	if wait := g.accounts.Take(there); wait > 0 {
		g.addresses.Give(who.from)
		return nil, fault.BusyFor(wait, "too many wrong passwords were tried for this account")
	}
	return func() {
		g.addresses.Give(who.from)
		g.accounts.Give(there)
	}, nil
}

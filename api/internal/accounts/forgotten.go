package accounts

import (
	"net/netip"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

// forgotten bounds how many letters are asked for. Nobody fills a person's mailbox, and nobody has
// this server send letters to many. It is safe for use by many goroutines.
type forgotten struct {
	accounts  *limit.Limiter[target]
	addresses *limit.Limiter[netip.Prefix]
}

// newForgotten allows so many letters to one e-mail address in an hour; 0: any number. One client's
// address may ask for addressRoom times as many.
func newForgotten(n int, now func() time.Time) *forgotten {
	most := addressRoom * n
	return &forgotten{
		accounts:  limit.New[target](limit.Rate{PerHour: n, Burst: n}, now),
		addresses: limit.New[netip.Prefix](limit.Rate{PerHour: most, Burst: most}, now),
	}
}

// ask runs f, which asks for a letter. It counts for an address that nobody has, too. Errors: f's,
// and Busy.
func (l *forgotten) ask(who guess, f func() error) error {
	if wait := l.addresses.Take(who.from); wait > 0 {
		return fault.BusyFor(wait, "too many letters were asked for from this address")
	}
	if wait := l.accounts.Take(who.at); wait > 0 {
		l.addresses.Give(who.from)
		return fault.BusyFor(wait, "too many letters were asked for to this e-mail address")
	}
	err := f()
	if err != nil {
		l.addresses.Give(who.from)
		l.accounts.Give(who.at)
	}
	return err
}

package polls

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/poll"
)

const (
	// strict says how bounds tighten while a process sees too many wrong codes. That is so when it
	// sees strict times as many as one address may try. An address then may try that part of it.
	strict = 10
	// passcodeRoom is how many times as many passcodes as join codes may be wrong, at one
	// presentation's. A hall of thousands types its passcode, and a guesser wins one room's by it.
	passcodeRoom = 10
)

// edits bounds what one presentation writes: an import of a whole file at once, and then as much as
// hands can do.
var edits = limit.Rate{PerMinute: 600, Burst: 2 * poll.MaxPolls}

// bounds are how often an address, or a presentation, may do what must not be done without end.
type bounds struct {
	creation *limit.Limiter[netip.Prefix]
	edits    *limit.Limiter[uuid.UUID]
	codes    *guesses // join codes
	passcode *guesses
}

func newBounds(creations, wrongCodes int, now func() time.Time) *bounds {
	return &bounds{
		creation: limit.New[netip.Prefix](perMinute(creations), now),
		edits:    limit.New[uuid.UUID](edits, now),
		codes:    newGuesses(wrongCodes, now),
		passcode: newGuesses(passcodeRoom*wrongCodes, now),
	}
}

func perMinute(n int) limit.Rate { return limit.Rate{PerMinute: n, Burst: n} }

// edit bounds the edits of a presentation, whoever makes them.
func (b *bounds) edit(id uuid.UUID) error {
	if wait := b.edits.Take(id); wait > 0 {
		return fault.BusyFor(wait, "too many edits of this presentation at once")
	}
	return nil
}

// joined is what a join code names.
type joined struct {
	id    uuid.UUID
	title string
}

// guess is who guesses at what: an address, at the passcode of a presentation, or, where that is
// Nil, at join codes.
type guess struct {
	presentation uuid.UUID
	from         netip.Prefix
}

// guesses bounds how many join codes, or passcodes, can be tried out. A wrong one takes a token, a
// right one none: a hall joins at once. Who has no token is told nothing, of right ones either:
// else the tries would be worth as much as before. But a code that was right for an address is told
// it again, so a hall whose tokens somebody uses up goes on joining. While too many wrong ones come
// from all addresses together, those that have tried some lately are held to a part of that. An
// address that has not is served like ever, so nobody elsewhere can lock a hall out. It is safe for
// use by many goroutines.
type guesses struct {
	each   *limit.Limiter[guess]
	strict *limit.Limiter[guess] // of each, while all is empty
	all    *limit.Limiter[struct{}]
	right  *lru.Cache[string, struct{}] // by address and code
	// look-ups under way, by address and code: a hall that knows its code takes one token, and
	// gives it back
	under singleflight.Group
}

// maxRight bounds the codes that are known to be right, and for whom.
const maxRight = 100_000

// newGuesses allows so many wrong ones a minute and address; 0: any number.
func newGuesses(n int, now func() time.Time) *guesses {
	part := n
	if n > 0 {
		part = max(1, n/strict)
	}
	right, err := lru.New[string, struct{}](maxRight)
	if err != nil { // the size is positive
		panic(err)
	}
	return &guesses{
		each: limit.New[guess](perMinute(n), now), strict: limit.New[guess](perMinute(part), now),
		all: limit.New[struct{}](perMinute(n*strict), now), right: right,
	}
}

// look looks a code up that an address sent. Errors: the look-up's, NotFound for a wrong one, Busy.
func (g *guesses) look(from netip.Prefix, code string,
	find func(code string) (joined, error)) (joined, error) {
	if !access.IsCode(code) {
		code = "" // it needs no look-up, but it is a guess like any other
	}
	try := from.String() + " " + code
	found, err, _ := g.under.Do(try, func() (any, error) {
		if g.right.Contains(try) {
			found, err := find(code)
			if fault.Is(err, fault.NotFound) { // it was renewed
				g.right.Remove(try)
			}
			return found, err
		}
		giveBack, wait := g.take(guess{from: from})
		if wait > 0 {
			return joined{}, fault.BusyFor(wait, "too many wrong join codes came from this address")
		}
		found, err := joined{}, fault.Errorf(fault.NotFound, "no presentation has this code")
		if code != "" {
			found, err = find(code)
		}
		if fault.Is(err, fault.NotFound) {
			g.wrong()
		} else { // right, or nobody knows
			giveBack()
		}
		if err == nil {
			g.right.Add(try, struct{}{})
		}
		return found, err
	})
	return found.(joined), err
}

// wrong notes that a try was.
func (g *guesses) wrong() { g.all.Take(struct{}{}) }

// take takes a try's tokens before it is known what it is worth: many tries at once must not all
// see the same token.
func (g *guesses) take(who guess) (giveBack func(), wait time.Duration) {
	if wait := g.each.Take(who); wait > 0 {
		return nil, wait
	}
	lately := g.strict.Take(who)
	if lately > 0 && g.all.Wait(struct{}{}) > 0 {
		g.each.Give(who)
		return nil, lately
	}
	return func() {
		g.each.Give(who)
		if lately == 0 {
			g.strict.Give(who)
		}
	}, 0
}

package accounts

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that a test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// guesser gives who guesses at an account from an address.
func guesser(email, address string) guess {
	return guess{targetOf(email), netip.PrefixFrom(netip.MustParseAddr(address), 32)}
}

func wrong() error { return fault.Errorf(access.WrongPassword, "wrong") }
func right() error { return nil }

// requireHeld requires that a try is refused, and that its password was not checked.
func requireHeld(t *testing.T, g *guesses, who guess) time.Duration {
	t.Helper()
	checked := false
	err := g.try(who, func() error { checked = true; return nil })
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.False(t, checked)
	require.Equal(t, fault.Busy, fault.CodeOf(g.full(who)), "it is refused before anything is done")
	return err.(*fault.Error).Wait //nolint:errorlint // it is one
}

func TestWrongPasswordsAreHeldByTheirAccountAndRightOnesTakeNothing(t *testing.T) {
	var c clock
	g := newGuesses(3, c.now)
	for range 20 {
		require.NoError(t, g.try(guesser("a", "192.0.2.1"), right))
	}
	for _, address := range []string{"192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		require.NoError(t, g.full(guesser("a", address)), "to ask takes nothing")
		require.Equal(t, access.WrongPassword, fault.CodeOf(g.try(guesser("a", address), wrong)))
	}
	wait := requireHeld(t, g, guesser("a", "192.0.2.5"))
	require.Equal(t, 20*time.Second, wait.Round(time.Millisecond))
	require.NoError(t, g.try(guesser("b", "192.0.2.5"), right), "other accounts are not held")
	c.pass(20 * time.Second)
	require.NoError(t, g.try(guesser("a", "192.0.2.5"), right))
}

func TestAnAddressThatWasRightHasTriesOfItsOwnThereAndNoMore(t *testing.T) {
	var c clock
	g := newGuesses(3, c.now)
	home := guesser("a", "192.0.2.1")
	require.NoError(t, g.try(home, right))
	for range 3 {
		require.Error(t, g.try(guesser("a", "192.0.2.2"), wrong))
	}
	requireHeld(t, g, guesser("a", "192.0.2.2"))
	for range 3 { // nobody elsewhere locks the person out
		require.NoError(t, g.full(home))
		require.Error(t, g.try(home, wrong))
	}
	requireHeld(t, g, home)
}

func TestAnAddressTriesTenTimesAsManyWrongPasswordsAsOneAccountHas(t *testing.T) {
	var c clock
	g := newGuesses(2, c.now)
	for i := range 20 {
		require.Error(t, g.try(guesser(string(rune('a'+i)), "192.0.2.1"), wrong))
	}
	requireHeld(t, g, guesser("z", "192.0.2.1"))
	require.NoError(t, g.try(guesser("z", "192.0.2.2"), right))
}

func TestOfManyTriesAtOnceNoMoreAreCheckedThanMayBeWrong(t *testing.T) {
	var c clock
	g := newGuesses(7, c.now)
	var checked atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 100 {
		all.Go(func() {
			<-begin
			_ = g.try(guesser("a", "192.0.2.1"), func() error { checked.Add(1); return wrong() })
		})
	}
	close(begin)
	all.Wait()
	require.EqualValues(t, 7, checked.Load())
}

func TestAHallThatLogsInWithFewTriesUnderWayIsNeverHeld(t *testing.T) {
	var c clock
	g := newGuesses(10, c.now)
	turns := make(chan struct{}, 8) // as many as there are processors, as Guard promises
	var all sync.WaitGroup
	for i := range 2000 {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := g.try(guesser(string(rune(0x4e00+i)), "192.0.2.1"), right); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAnAccountLogsInTenTimesAsOftenAsItsPasswordMayBeWrong(t *testing.T) {
	var c clock
	g := newGuesses(3, c.now)
	for range 30 {
		require.NoError(t, g.try(guesser("a", "192.0.2.1"), right))
	}
	requireHeld(t, g, guesser("a", "192.0.2.1"))
	requireHeld(t, g, guesser("a", "192.0.2.2"))
	require.NoError(t, g.try(guesser("b", "192.0.2.1"), right), "its address is not held")
	c.pass(2 * time.Second)
	require.NoError(t, g.try(guesser("a", "192.0.2.1"), right))
}

func TestATryOfWhichNobodyKnowsTakesNothing(t *testing.T) {
	var c clock
	g := newGuesses(1, c.now)
	who := guesser("a", "192.0.2.1")
	for range 20 {
		away := func() error { return fault.Errorf(fault.Unavailable, "away") }
		require.Equal(t, fault.Unavailable, fault.CodeOf(g.try(who, away)))
	}
	require.Zero(t, g.known.Len(), "nobody was right")
	require.NoError(t, g.try(who, right))
}

func TestWithoutABoundAnyNumberIsTried(t *testing.T) {
	g := newGuesses(0, time.Now)
	for range 200 {
		require.Equal(t, access.WrongPassword,
			fault.CodeOf(g.try(guesser("a", "192.0.2.1"), wrong)))
		require.NoError(t, g.try(guesser("a", "192.0.2.1"), right))
	}
}

func TestTheAddressesThatAreKnownAreBounded(t *testing.T) {
	g := newGuesses(0, time.Now)
	for i := range maxKnown + 100 {
		require.NoError(t, g.try(guesser(string(rune(0x4e00+i)), "192.0.2.1"), right))
	}
	require.Equal(t, maxKnown, g.known.Len())
}

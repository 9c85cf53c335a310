// Package bustest is the conformance suite of the bus: every adapter passes it, with its
// differences declared.
package bustest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Capabilities are the ways in which adapters differ.
type Capabilities struct {
	// Shared: every Bus of an Env carries the same changes, as the processes of a deployment have
	// it. Without it a Bus is alone.
	Shared bool

	// Remote: there is a connection that can break.
	Remote bool
}

// Env is a bus that nobody uses yet, and what a test may do to it.
type Env struct {
	// Open opens the bus, as another process would. The test closes it, once.
	Open func(testing.TB) bus.Bus

	// Remote: Cut breaks every connection and lets new ones be made.
	Cut func()
}

type promise struct {
	name string
	asks func(Capabilities) bool // nil: every adapter
	test func(*testing.T, Env)
}

// Run tests every promise against a new environment. Goroutines that live longer than the
// environment are leaks, but for those that ignore names.
func Run(t *testing.T, caps Capabilities, env func(*testing.T) Env, ignore ...goleak.Option) {
	for _, p := range promises {
		if p.asks != nil && !p.asks(caps) {
			continue
		}
		t.Run(strings.ReplaceAll(p.name, " ", "_"), func(t *testing.T) {
			e := env(t)
			before := goleak.IgnoreCurrent()
			t.Run("", func(t *testing.T) { p.test(t, e) })
			goleak.VerifyNone(t, append(ignore, before)...)
		})
	}
}

const patience = 30 * time.Second

func (e Env) open(t *testing.T) bus.Bus {
	b := e.Open(t)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func change(n int) bus.Change {
	return bus.Change{Thing: uuid.New(), Part: uuid.New(), Version: int64(n),
		Revision: int64(n) << 30}
}

var promises = []promise{
	{name: "every subscriber of the process hears every change", test: func(t *testing.T, e Env) {
		b := e.open(t)
		subs := []<-chan bus.Change{b.Subscribe(t.Context()), b.Subscribe(t.Context()),
			b.Subscribe(t.Context())}
		changes := []bus.Change{change(0), change(1), {Thing: uuid.New(), Version: 1}}
		require.NoError(t, b.Announce(t.Context(), changes...))
		require.NoError(t, b.Announce(t.Context()))
		for _, sub := range subs {
			hears(t, sub, changes...)
		}
	}},
	{name: "every process hears every change", asks: func(c Capabilities) bool { return c.Shared },
		test: func(t *testing.T, e Env) {
			one, other := e.open(t), e.open(t)
			subs := []<-chan bus.Change{one.Subscribe(t.Context()), other.Subscribe(t.Context())}
			a, b := change(1), change(2)
			require.NoError(t, one.Announce(t.Context(), a))
			require.NoError(t, other.Announce(t.Context(), b))
			for _, sub := range subs {
				hears(t, sub, a, b)
			}
		}},
	{name: "a bus is alone", asks: func(c Capabilities) bool { return !c.Shared },
		test: func(t *testing.T, e Env) {
			one, other := e.open(t), e.open(t)
			sub := other.Subscribe(t.Context())
			require.NoError(t, one.Announce(t.Context(), change(1)))
			c := change(2)
			require.NoError(t, other.Announce(t.Context(), c))
			require.Equal(t, c, receive(t, sub))
		}},
	{name: "a change that nobody waits for is lost quietly", test: func(t *testing.T, e Env) {
		b := e.open(t)
		require.NoError(t, b.Announce(t.Context(), change(1)))
		sub := b.Subscribe(t.Context())
		c := change(2)
		require.NoError(t, b.Announce(t.Context(), c))
		hears(t, sub, c)
	}},
	{name: "a subscriber that does not read holds up nobody and is told that it missed something",
		test: func(t *testing.T, e Env) {
			const n = 5000
			b := e.open(t)
			slow, quick := b.Subscribe(t.Context()), b.Subscribe(t.Context())
			for i := range n {
				c := change(i + 1)
				require.Eventually(t, func() bool { return b.Announce(t.Context(), c) == nil },
					patience, time.Millisecond)
				hears(t, quick, c)
			}
			seen := 0
			for receive(t, slow) != (bus.Change{}) {
				seen++
			}
			require.Less(t, seen, n)
			last := change(n)
			require.NoError(t, b.Announce(t.Context(), last))
			require.Equal(t, last, receive(t, slow), "from then on it hears again")
		}},
	{name: "a subscription ends with its context and the others go on",
		test: func(t *testing.T, e Env) {
			b := e.open(t)
			ctx, cancel := context.WithCancel(t.Context())
			ends, stays := b.Subscribe(ctx), b.Subscribe(t.Context())
			cancel()
			closes(t, ends)
			c := change(1)
			require.NoError(t, b.Announce(t.Context(), c))
			hears(t, stays, c)
			closes(t, b.Subscribe(ctx))
		}},
	{name: "closing the bus closes every subscription", test: func(t *testing.T, e Env) {
		b := e.Open(t)
		subs := []<-chan bus.Change{b.Subscribe(t.Context()), b.Subscribe(t.Context())}
		require.NoError(t, b.Close())
		for _, sub := range append(subs, b.Subscribe(t.Context())) {
			closes(t, sub)
		}
		require.Error(t, b.Announce(t.Context(), change(1)))
	}},
	{name: "after its connection broke a subscriber is told that it missed something and " +
		"hears again", asks: func(c Capabilities) bool { return c.Remote },
		test: func(t *testing.T, e Env) {
			b := e.open(t)
			sub := b.Subscribe(t.Context())
			for range 3 {
				e.Cut()
				for receive(t, sub) != (bus.Change{}) {
				}
				// Announcing goes over a connection of its own, which may come back later, and
				// loses what it cannot send.
				c := change(1)
				require.Eventually(t, func() bool {
					_ = b.Announce(t.Context(), c)
					select {
					case heard := <-sub:
						return heard == c
					case <-time.After(50 * time.Millisecond):
						return false
					}
				}, patience, time.Millisecond)
				for drained := false; !drained; {
					select {
					case <-sub:
					default:
						drained = true
					}
				}
			}
		}},
}

// hears waits for the changes, in any order, among others that it heard before or twice.
func hears(t testing.TB, sub <-chan bus.Change, changes ...bus.Change) {
	t.Helper()
	missing := map[bus.Change]bool{}
	for _, c := range changes {
		missing[c] = true
	}
	for len(missing) > 0 {
		delete(missing, receive(t, sub))
	}
}

func receive(t testing.TB, sub <-chan bus.Change) bus.Change {
	t.Helper()
	select {
	case c, ok := <-sub:
		require.True(t, ok, "the subscription ended")
		return c
	case <-time.After(patience):
		require.FailNow(t, "waited too long for a change")
		panic("unreachable")
	}
}

func closes(t testing.TB, sub <-chan bus.Change) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-sub:
			if !ok {
				return
			}
		case <-timeout:
			require.FailNow(t, "the subscription did not end")
		}
	}
}

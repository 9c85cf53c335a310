package eventloop

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ago has everything that is under way on a connection begin so much earlier.
func (c *Conn) ago(d time.Duration) { c.since.Add(-int64(d)) }

// connOf gives our end of a client's connection, when something of it was read.
func (h *house) connOf(c *client) (conn *Conn) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		for _, it := range h.all() {
			if it.RemoteAddr().String() == c.LocalAddr().String() {
				conn = it
			}
		}
		return conn != nil && conn.state.Load() != reading
	}, soon, time.Millisecond)
	return conn
}

func (h *house) rested(c *client) *Conn {
	conn := h.connOf(c)
	require.Eventually(h.t, func() bool { return conn.state.Load() == idle }, soon, time.Millisecond)
	return conn
}

func TestTheLongestIdleConnectionGivesWay(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	one, two, three := h.dial(), h.dial(), h.dial()
	for _, c := range []*client{one, two, three} {
		c.send(quick("x")).require("loop", "x")
		h.rested(c)
	}
	one.send(slow("y")).require("server", "y") // it has been heard of since
	h.rested(one)
	h.connOf(two).ago(time.Minute)
	require.True(t, h.MakeRoom())
	two.requireEnd()
	require.True(t, h.MakeRoom())
	three.requireEnd()
	one.send(quick("z")).require("loop", "z")
	h.rested(one)
	require.True(t, h.MakeRoom())
	one.requireEnd()
	require.False(t, h.MakeRoom(), "there is nobody")
}

func TestNobodyGivesWayOnWhomARequestIsUnderWay(t *testing.T) {
	h := (&house{taken: make(chan *visit), served: make(chan *visit)}).openTCP(t, quiet)
	one, two := h.dial(), h.dial()
	one.send(quick("x"))
	taken := <-h.taken
	two.send(slow("y"))
	served := <-h.served
	h.connOf(one).ago(time.Minute)
	h.connOf(two).ago(handledIn / 2)
	require.False(t, h.MakeRoom())
	taken.reply(false)
	one.require("loop", "x")
	close(served.done)
	two.require("server", "y")
}

func TestARequestThatDoesNotGoOnGivesWayBeforeWhoIsIdle(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	idler, young, stuck := h.dial(), h.dial(), h.dial()
	idler.send(quick("x")).require("loop", "x")
	h.rested(idler).ago(time.Minute)
	arrives := func(c *client) *Conn {
		c.send(slow("y")[:9])
		conn := h.connOf(c)
		require.Eventually(t, func() bool { return conn.state.Load() == passed && conn.phase.Load() == arriving }, soon, time.Millisecond)
		return conn
	}
	arrives(young).ago(-time.Hour) // it has only begun, however slow this test is
	arrives(stuck).ago(2 * arrivesIn)
	require.True(t, h.MakeRoom())
	stuck.requireEnd()
	require.True(t, h.MakeRoom())
	idler.requireEnd()
	require.True(t, h.MakeRoom())
	young.requireEnd()
}

func TestAnAnswerThatNobodyReadsGivesWay(t *testing.T) {
	h := (&house{limit: time.Hour}).openTCP(t, quiet)
	c := h.dial()
	c.send(slow(strings.Repeat("x", 4<<20-1)))
	conn := h.connOf(c)
	require.Eventually(t, func() bool { return conn.phase.Load() == answering }, soon, time.Millisecond)
	require.False(t, h.MakeRoom(), "it may be on its way")
	conn.ago(2 * arrivesIn)
	require.True(t, h.MakeRoom())
}

// TestACrowdHasItsOwnAnswersWhileConnectionsGiveWay: who is cut off comes back, and nobody gets what is another's.
func TestACrowdHasItsOwnAnswersWhileConnectionsGiveWay(t *testing.T) {
	const many = 200
	h := (&house{answer: func(v *visit) {
		if string(v.body[:min(len(v.body), 5)]) == "pass " {
			v.pass(nil)
			return
		}
		v.reply(false)
	}}).openTCP(t, quiet)
	seed := rand.Uint64()
	errs := make(chan error, many)
	done := make(chan struct{})
	var clients, making sync.WaitGroup
	for i := range many {
		c := h.dial()
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := 0; n < 20; n++ {
				err := c.say(rng, fmt.Sprintf("%d of %d", n, i))
				switch {
				case err == nil:
				case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
					_ = c.Close()
					c = h.dial()
				default:
					errs <- err
					n = 99
				}
			}
			_ = c.Close()
		})
	}
	made := 0
	making.Go(func() {
		for {
			if h.MakeRoom() {
				made++
			}
			select {
			case <-done:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	})
	clients.Wait()
	close(done)
	making.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err, "seed %d", seed)
	}
	require.Positive(t, made)
	h.requireEmpty()
}

// TestTheServerOutlivesWhomItServesWhenThatGivesWay: fasthttp panics when a deadline cannot be set.
func TestTheServerOutlivesWhomItServesWhenThatGivesWay(t *testing.T) {
	h := (&house{served: make(chan *visit)}).openTCP(t, quiet)
	for range 3 {
		c := h.dial()
		c.send(slow("y"))
		visit := <-h.served
		h.connOf(c).ago(2 * handledIn)
		require.True(t, h.MakeRoom())
		c.requireEnd()
		close(visit.done)
	}
	h.requireEmpty()
}

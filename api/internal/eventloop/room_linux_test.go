package eventloop

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"
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
	require.Eventually(h.t, func() bool { return conn.state.Load() == idle }, soon,
		time.Millisecond)
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
		require.Eventually(t, func() bool {
			return conn.state.Load() == passed &&
				conn.phase.Load() == arriving
		}, soon, time.Millisecond)
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
	little := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) { // else the kernel may hold all of it
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 64<<10)
		}), err)
	}}
	ln, err := little.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := (&house{limit: time.Hour}).open(t, ln, quiet)
	c := h.dial()
	c.send(slow(strings.Repeat("x", 4<<20-1)))
	conn := h.connOf(c)
	require.Eventually(t, func() bool { return conn.phase.Load() == answering }, soon,
		time.Millisecond)
	require.False(t, h.MakeRoom(), "it may be on its way")
	conn.ago(2 * arrivesIn)
	require.True(t, h.MakeRoom())
}

// TestACrowdHasItsOwnAnswersWhileConnectionsGiveWay: who is cut off comes back, and nobody gets
// what is another's.
func TestACrowdHasItsOwnAnswersWhileConnectionsGiveWay(t *testing.T) {
	const many = 200
	h := (&house{answer: func(v *visit) {
		if string(v.body[:min(len(v.body), 5)]) == "pass " {
			v.pass()
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
				case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
					errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
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

// partOf are requests whose handler is called before their body is there.
var partOf = map[string]string{
	"no chunk":        "Transfer-Encoding: chunked\r\n\r\n",
	"half a chunk":    "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
	"no last chunk":   "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
	"half of a large": "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 9000),
}

// inMemory serves connections without a descriptor, which no loop has.
func (h *house) inMemory(t *testing.T) (dial func() *client) {
	ln := fasthttputil.NewInmemoryListener()
	h.open(t, ln, quiet)
	return func() *client {
		conn, err := ln.Dial()
		require.NoError(t, err)
		return newClient(t, conn)
	}
}

// only gives our end of the one connection that is open.
func (h *house) only() *Conn {
	h.t.Helper()
	all := h.all()
	require.Len(h.t, all, 1)
	return all[0]
}

func TestABodyThatDoesNotGoOnGivesWay(t *testing.T) {
	for where, open := range map[string]func(*house) func() *client{
		"loop":   func(h *house) func() *client { return h.openTCP(t, quiet).dial },
		"server": func(h *house) func() *client { return h.inMemory(t) },
	} {
		h := &house{bodies: make(chan *upload)}
		dial := open(h)
		for what, part := range partOf {
			c := dial()
			c.send([]byte("POST /slow HTTP/1.1\r\nHost: x\r\n" + part))
			body := <-h.bodies
			h.only().ago(2 * arrivesIn)
			require.True(t, h.MakeRoom(), "%s: %s", where, what)
			close(body.read)
			<-body.done
			require.False(t, body.whole, "%s: %s", where, what)
			c.requireEnd()
			h.requireEmpty()
		}
	}
}

func TestABodyThatIsReadAsItsConnectionGivesWayIsNotHandled(t *testing.T) {
	h := (&house{bodies: make(chan *upload), served: make(chan *visit)}).openTCP(t, quiet)
	c := h.dial()
	c.send(slow("y"))
	body := <-h.bodies
	h.only().ago(2 * arrivesIn)
	require.True(t, h.MakeRoom())
	close(body.read)
	<-body.done
	require.False(t, body.whole)
	c.requireEnd()
	h.requireEmpty()
	require.Empty(t, h.served)
}

func TestARequestWhoseBodyIsWholeDoesNotGiveWay(t *testing.T) {
	h := (&house{bodies: make(chan *upload), served: make(chan *visit)}).openTCP(t, quiet)
	for _, chunked := range []bool{false, true} {
		c := h.dial()
		if chunked {
			c.send([]byte(
				"POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " +
					"chunked\r\n\r\n1\r\ny\r\n0\r\n\r\n"))
		} else {
			c.send(slow("y"))
		}
		body := <-h.bodies
		close(body.read)
		visit := <-h.served
		require.True(t, body.whole)
		h.connOf(c).ago(handledIn / 2)
		require.False(t, h.MakeRoom())
		close(visit.done)
		c.require("server", "y")
		require.NoError(t, c.Close())
		h.requireEmpty()
	}
}

// TestBodiesAndWhoGivesWayMeetInEveryOrder: each request is handled whole, or its connection has
// given way.
func TestBodiesAndWhoGivesWayMeetInEveryOrder(t *testing.T) {
	const many = 300
	h := (&house{bodies: make(chan *upload, many)}).openTCP(t, quiet)
	handled, gone := 0, 0
	for range many {
		c := h.dial()
		c.send([]byte("POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"))
		body := <-h.bodies
		h.only().ago(2 * arrivesIn)
		close(body.read)
		c.send([]byte("1\r\ny\r\n0\r\n\r\n"))
		gaveWay := h.MakeRoom()
		<-body.done
		if body.err == nil && body.whole {
			handled++
		} else {
			require.True(t, gaveWay)
			gone++
		}
		_ = c.Close()
		h.requireEmpty()
	}
	t.Log(handled, "were handled, and of", gone, "the connection gave way")
}

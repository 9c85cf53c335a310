package eventloop

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (c *client) closeWrite() *client {
	c.t.Helper()
	require.NoError(c.t, c.Conn.(*net.TCPConn).CloseWrite())
	return c
}

func TestAClientThatSaysItsLastStillGetsItsAnswer(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	for range 100 { // the request and the end come in one piece, or in two
		h.dial().send(quick("q")).closeWrite().require("loop", "q").requireEnd()
		h.dial().send(slow("s")).closeWrite().require("server", "s").requireEnd()
		h.dial().send(append(quick("q"), slow("s")...)).closeWrite().require("server", "q").
			require("server", "s").requireEnd()
		h.dial().send(quick("q")).require("loop", "q").closeWrite().requireEnd()
		h.dial().closeWrite().requireEnd()
	}
	h.requireEmpty()
}

func TestAClientThatSaysItsLastWhileItWaitsStillGetsItsAnswer(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1), served: make(chan *visit, 1)}).openTCP(t, quiet)
	c := h.dial()
	v := <-h.sent(c, quick("q"))
	c.closeWrite()
	requireState(t, v.conn, missed)
	v.reply(false)
	c.require("loop", "q").requireEnd()

	c = h.dial()
	v = <-h.sent(c, quick("p"))
	c.closeWrite()
	requireState(t, v.conn, missed)
	v.pass()
	close((<-h.served).done)
	c.require("server", "p").requireEnd()

	c = h.dial().send(slow("s"))
	v = <-h.served
	c.closeWrite()
	close(v.done)
	c.require("server", "s").requireEnd()
	h.requireEmpty()
}

// reset closes the connection as a process that is killed does, with something unread: nothing can
// be written to it.
func (c *client) reset() {
	c.t.Helper()
	require.NoError(c.t, c.Conn.(*net.TCPConn).SetLinger(0))
	require.NoError(c.t, c.Close())
}

func TestAClientThatGoesAwayWhileItWaitsLeavesNothing(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1), served: make(chan *visit, 1)}).openTCP(t, quiet)
	for what, end := range map[string]func(*visit){
		"an answer":           func(v *visit) { v.reply(false) },
		"the last answer":     func(v *visit) { v.reply(true) },
		"a large answer":      func(v *visit) { v.body = tooMuch(t, v.conn); v.reply(false) },
		"the server's answer": func(v *visit) { v.pass(); close((<-h.served).done) },
	} {
		for _, leave := range []func(*client){(*client).reset,
			func(c *client) { require.NoError(t, c.Close()) }} {
			c := h.dial()
			v := <-h.sent(c, quick("x"))
			leave(c)
			requireState(t, v.conn, missed)
			end(v)
			h.requireEmpty()
			require.Equal(t, int32(gone), v.conn.state.Load(), what)
		}
	}
	for range 3 {
		c := h.dial().send(slow("x"))
		v := <-h.served
		c.reset()
		close(v.done)
		h.requireEmpty()
	}
	c := h.dial() // all is well for others
	(<-h.sent(c, quick("q"))).reply(false)
	c.require("loop", "q")
}

func TestAClientThatGoesAwayBetweenRequestsOrWithinOneLeavesNothing(t *testing.T) {
	h := (&house{asked: make(chan string, 9)}).openTCP(t, quiet)
	for range 10 {
		h.dial().reset()
		h.dial().send(quick("q")).require("loop", "q").reset()
		h.dial().send(slow("s")).require("server", "s").reset()
		<-h.asked
		<-h.asked
		c := h.dial().send(quick("part")[:20])
		<-h.asked
		c.reset()
	}
	h.requireEmpty()
}

func TestTheLastAnswerClosesTheConnection(t *testing.T) {
	h := (&house{answer: func(v *visit) { v.reply(true) }}).openTCP(t, quiet)
	h.dial().send(quick("bye")).require("loop", "bye").requireEnd()
	h.requireEmpty()
}

func TestWhatWasTakenIsServedAfterTheServerHasCeasedToAccept(t *testing.T) {
	const many = 100
	h := (&house{taken: make(chan *visit, 1)}).openTCP(t, quiet)
	clients, visits := make([]*client, many), make([]*visit, many)
	for i := range many {
		clients[i] = h.dial()
		visits[i] = <-h.sent(clients[i], quick("x"))
	}
	require.NoError(t, h.Close())
	for i := range many {
		visits[i].pass()
		clients[i].require("server", "x")
		if i%2 == 0 {
			clients[i].send(slow("y")).require("server", "y")
		}
	}
}

// A request that is on its way to the server when that ceases to accept is its all the same.
func TestNoRequestIsLostWhenTheServerCeasesToAccept(t *testing.T) {
	for range 5 {
		h := (&house{asked: make(chan string, 99), alone: true}).openTCP(t, quiet)
		clients := make([]*client, 50)
		for i := range clients {
			clients[i] = h.dial().send(slow("x"))
		}
		<-h.asked
		require.NoError(t, h.Close())
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				turn, err := h.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { _ = h.server.ServeConn(turn) })
			}
		})
		for _, c := range clients {
			c.require("server", "x")
		}
		serving.Wait()
	}
}

// An idle connection that is closed is the clock: whatever else was silent for as long is closed by
// then, or stays.
func TestWhoIsIdleForTooLongIsClosedAndWhoWaitsForAnAnswerIsNot(t *testing.T) {
	const limit = 100 * time.Millisecond
	h := (&house{taken: make(chan *visit, 2), served: make(chan *visit, 1)}).
		openTCP(t, Silence{First: limit, Then: limit})
	taken := h.dial()
	v := <-h.sent(taken, quick("q"))
	passed := h.dial().send(slow("s"))
	s := <-h.served
	for range 3 {
		begun := time.Now()
		h.dial().requireEnd()
		require.GreaterOrEqual(t, time.Since(begun), limit, "not before")
	}
	require.Equal(t, 2, h.Open())
	v.reply(false)
	close(s.done)
	taken.require("loop", "q").requireEnd()
	passed.require("server", "s").requireEnd()
	h.requireEmpty()
}

func TestTheFirstRequestAndTheNextHaveTimesOfTheirOwn(t *testing.T) {
	const limit = 50 * time.Millisecond
	h := (&house{}).openTCP(t, Silence{First: limit, Then: time.Hour})
	used, served := h.dial().send(quick("q")).require("loop", "q"),
		h.dial().send(slow("s")).require("server", "s")
	h.dial().requireEnd()
	h.dial().requireEnd()
	used.send(quick("q")).require("loop", "q")
	served.send(quick("q")).require("loop", "q")

	h = (&house{}).openTCP(t, Silence{First: time.Hour, Then: limit})
	fresh := h.dial()
	h.dial().send(quick("q")).require("loop", "q").requireEnd()
	h.dial().send(slow("s")).require("server", "s").requireEnd()
	fresh.send(quick("q")).require("loop", "q").requireEnd()
}

// The sweep comes by every 50 µs here.
func TestAConnectionThatHasJustComeIsNotTakenForASilentOne(t *testing.T) {
	h := (&house{}).openTCP(t, Silence{First: time.Hour, Then: 200 * time.Microsecond})
	for range 500 {
		c := h.dial()
		c.send(slow("s")).require("server", "s")
		require.NoError(t, c.Close())
	}
}

func TestRetireClosesWhoIsIdleNowOrLater(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1), served: make(chan *visit, 1)}).openTCP(t, quiet)
	fresh, used := h.dial(), h.dial()
	(<-h.sent(used, quick("q"))).reply(false)
	used.require("loop", "q")
	taken, large, passed, pair := h.dial(), h.dial(), h.dial().send(slow("s")), h.dial()
	atServer := <-h.served
	atLoop, atLoopLarge, first := <-h.sent(taken, quick("t")), <-h.sent(large, quick("l")),
		<-h.sent(pair, quick("1"))
	pair.send(quick("2"))
	requireState(t, first.conn, missed)
	require.Eventually(t, func() bool { return h.Open() == 6 }, soon, time.Millisecond)

	h.Retire()
	fresh.requireEnd()
	used.requireEnd()
	require.Equal(t, 4, h.Open(), "who waits for an answer gets it")
	atLoop.reply(false)
	taken.require("loop", "t").requireEnd()
	atLoopLarge.body = tooMuch(t, atLoopLarge.conn)
	atLoopLarge.reply(false)
	large.require("loop", string(atLoopLarge.body)).requireEnd()
	close(atServer.done)
	passed.require("server", "s").requireEnd()
	first.reply(true)
	pair.require("loop", "1")
	h.requireEmpty()
}

func TestAConnectionThatComesAfterRetireIsClosed(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	h.Retire()
	c := h.dial()
	_, err := c.answers.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	h.requireEmpty()
}

func TestRetireMeetsConnectionsThatComeAndGo(t *testing.T) {
	for range 5 {
		h := (&house{}).openTCP(t, quiet)
		var clients sync.WaitGroup
		for range 20 {
			c := h.dial()
			clients.Go(func() {
				for {
					if _, err := c.Write(quick("q")); err != nil {
						return
					}
					if _, body, err := c.answer(); err != nil || body != "q" {
						return
					}
				}
			})
		}
		h.Retire()
		clients.Wait()
		h.requireEmpty()
	}
}

func TestAStreamLeavesTheListAndStaysOpen(t *testing.T) {
	streams := make(chan net.Conn, 1)
	h := (&house{stream: func(c net.Conn) { streams <- c }}).openTCP(t, quiet)
	c := h.dial().send(quick("q")).require("loop", "q").send(request("/stream", nil))
	stream := <-streams
	h.requireEmpty()
	h.Retire()
	_, err := stream.Write(answerOf("stream", []byte("still here")))
	require.NoError(t, err)
	c.require("stream", "still here")
	c.send([]byte("hello"))
	heard := make([]byte, 5)
	_, err = io.ReadFull(stream, heard)
	require.NoError(t, err)
	require.Equal(t, "hello", string(heard))
	require.NoError(t, stream.Close())
	c.requireEnd()
	require.Zero(t, h.Open())
}

func TestWaitEndsWithItsContext(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	h.dial().send(quick("q")).require("loop", "q")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.Wait(ctx)
	require.Equal(t, 1, h.Open())
}

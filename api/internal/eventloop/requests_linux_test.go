package eventloop

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func TestATakenRequestIsAnsweredAndTheConnectionStaysForTheNext(t *testing.T) {
	h := (&house{asked: make(chan string, 9)}).openTCP(t, quiet)
	c := h.dial()
	for _, body := range []string{"a", "", strings.Repeat("long", 1000)} {
		c.send(quick(body)).require("loop", body)
		require.Equal(t, string(quick(body)), <-h.asked)
	}
	require.Equal(t, 1, h.Open())
	require.NoError(t, c.Close())
	h.requireEmpty()
}

func TestAConnectionComesBackFromTheServerAfterEachRequest(t *testing.T) {
	h := (&house{asked: make(chan string, 9)}).openTCP(t, quiet)
	c := h.dial()
	for range 3 {
		c.send(slow("s")).require("server", "s")
		require.Equal(t, string(slow("s")), <-h.asked)
		c.send(quick("q")).require("loop", "q")
		require.Equal(t, string(quick("q")), <-h.asked)
	}
}

// A request that does not arrive whole is the clock.
func TestTheServersTimeLimitsEndWithItsTurn(t *testing.T) {
	h := (&house{limit: 50 * time.Millisecond}).openTCP(t, quiet)
	c := h.dial().send(slow("s")).require("server", "s")
	clock := h.dial().send(slow("part")[:20])
	_, err := io.ReadAll(clock)
	require.NoError(t, err)
	c.send(quick("q")).require("loop", "q").send(slow("s")).require("server", "s")
}

// Here the test is the server, and it ends its turns as fasthttp does.
func TestWhateverIsNotTakenReachesTheServerByteForByte(t *testing.T) {
	h := (&house{asked: make(chan string, 1), alone: true}).openTCP(t, quiet)
	c := h.dial()
	for _, size := range []int{1, 2, 100, maxRequest - 1, maxRequest, maxRequest + 1,
		maxRequest + 2, 1 << 20} {
		sent := make([]byte, size)
		_, _ = rand.Read(sent)
		var sending sync.WaitGroup
		sending.Go(func() { _, _ = c.Write(sent) })
		turn, err := h.Accept()
		require.NoError(t, err)
		State(turn, fasthttp.StateActive)
		read := make([]byte, size)
		_, err = io.ReadFull(turn, read)
		require.NoError(t, err)
		sending.Wait()
		require.True(t, bytes.Equal(sent, read), "%d bytes", size)
		select {
		case asked := <-h.asked:
			require.True(t, strings.HasPrefix(string(sent), asked) && len(asked) <= maxRequest)
		default:
			require.Greater(t, size, maxRequest,
				"the Answerer is not asked about what is too long, and about all else")
		}
		State(turn, fasthttp.StateIdle)
		_, err = turn.Read(read)
		require.ErrorIs(t, err, io.EOF, "a turn ends between two requests")
		require.NoError(t, turn.Close())
	}
	require.NoError(t, c.Close())
	h.requireEmpty()
}

func TestARequestInTwoPiecesReachesTheServerWhole(t *testing.T) {
	h := (&house{asked: make(chan string, 2)}).openTCP(t, quiet)
	c := h.dial()
	whole := quick("the body")
	for cut := 1; cut < len(whole); cut++ {
		c.send(whole[:cut])
		require.Equal(t, string(whole[:cut]), <-h.asked)
		c.send(whole[cut:]).require("server", "the body")
	}
	require.Empty(t, h.asked, "the rest is the server's")
	c.send(whole).require("loop", "the body")
}

func TestRequestsInOneWriteAreAllAnsweredInOrder(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	c := h.dial()
	for _, path := range [][]string{{"/quick", "/quick"}, {"/quick", "/slow"}, {"/slow", "/quick"},
		{"/slow", "/slow", "/quick"}} {
		var all []byte
		for i, p := range path {
			all = append(all, request(p, []byte{byte('a' + i)})...)
		}
		c.send(all)
		for i := range path {
			c.require("server", string(rune('a'+i)))
		}
		c.send(quick("z")).require("loop", "z")
	}
}

// One and a half requests in one write: the server waits for the rest of the head, having answered
// the first. (For the rest of a body fasthttp waits first.)
func TestAPartOfTheNextRequestDoesNotKeepAnAnswerBack(t *testing.T) {
	h := (&house{}).openTCP(t, quiet)
	c := h.dial()
	second := quick("second")
	for cut := 1; cut < len(second)-len("second"); cut++ {
		c.send(append(quick("first"), second[:cut]...)).require("server", "first")
		c.send(second[cut:]).require("server", "second")
	}
	c.send(quick("z")).require("loop", "z")
}

// requireState waits until a connection is in a state.
func requireState(t *testing.T, c *Conn, state int32) {
	t.Helper()
	require.Eventually(t, func() bool { return c.state.Load() == state }, soon, 50_000)
}

func TestWhatArrivesWhileARequestIsAnsweredIsSeenAfterwards(t *testing.T) {
	h := (&house{asked: make(chan string, 3), taken: make(chan *visit, 1)}).openTCP(t, quiet)
	for what, end := range map[string]func(*visit){
		"loop":   func(v *visit) { v.reply(false) },
		"server": func(v *visit) { v.pass() },
	} {
		c := h.dial()
		first := <-h.sent(c, quick("first"))
		require.Equal(t, string(quick("first")), <-h.asked)
		c.send(slow("second"))
		requireState(t, first.conn, missed)
		require.Empty(t, h.asked, "one after the other")
		end(first)
		c.require(what, "first").require("server", "second")
		require.Equal(t, string(slow("second")), <-h.asked)
	}
}

// sent sends a request and gives where it will be when it is taken.
func (h *house) sent(c *client, request []byte) chan *visit {
	c.send(request)
	return h.taken
}

// However the next request and the answer to the last one meet, both are answered.
func TestARequestThatMeetsAnAnswerIsNotLost(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1)}).openTCP(t, quiet)
	c := h.dial()
	for range 300 {
		first := <-h.sent(c, quick("1"))
		var replying sync.WaitGroup
		replying.Go(func() { first.reply(false) })
		second := <-h.sent(c, quick("2"))
		replying.Wait()
		second.reply(false)
		c.require("loop", "1").require("loop", "2")
	}
}

func TestATakenRequestCanBePassedAfterAll(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1), served: make(chan *visit, 1)}).openTCP(t, quiet)
	c := h.dial()
	for range 3 {
		(<-h.sent(c, quick("a"))).pass()
		v := <-h.served
		close(v.done)
		c.require("server", "a")
		c.send(slow("b"))
		v = <-h.served
		close(v.done)
		c.require("server", "b")
		(<-h.sent(c, quick("c"))).reply(false)
		c.require("loop", "c")
	}
}

func TestAClientThatDoesNotReadHoldsUpNobodyAndGetsItsAnswerInFull(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1)}).openTCP(t, quiet)
	for _, last := range []bool{false, true} {
		lazy := h.dial()
		v := <-h.sent(lazy, quick("x"))
		v.body = tooMuch(t, v.conn)
		v.reply(last) // it does not wait for the client
		require.Equal(t, int32(busy), v.conn.state.Load())
		for range 8 { // on every loop
			c := h.dial()
			(<-h.sent(c, quick("y"))).reply(false)
			c.require("loop", "y").send(slow("z")).require("server", "z")
		}
		lazy.require("loop", string(v.body))
		if last {
			lazy.requireEnd()
			continue
		}
		(<-h.sent(lazy, quick("again"))).reply(false)
		lazy.require("loop", "again")
	}
}

// tooMuch gives what the network does not take at once.
func tooMuch(t *testing.T, c *Conn) []byte {
	require.NoError(t, c.Conn.(*net.TCPConn).SetWriteBuffer(64<<10))
	body := make([]byte, 8<<20) // and the other side makes no such room before it reads
	_, _ = rand.Read(body)
	return body
}

// The network takes nothing at all at first: not even a part of the answer.
func TestAnAnswerWaitsForAFullNetwork(t *testing.T) {
	h := (&house{taken: make(chan *visit, 1)}).openTCP(t, quiet)
	c := h.dial()
	v := <-h.sent(c, quick("x"))
	filled := fill(t, v.conn)
	v.reply(false)
	read := make([]byte, filled)
	_, err := io.ReadFull(c.answers, read)
	require.NoError(t, err)
	c.require("loop", "x")
}

// fill writes until the network takes no more, and gives how much that was.
func fill(t *testing.T, c *Conn) (filled int) {
	tcp := c.Conn.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	require.NoError(t, err)
	junk := make([]byte, 1<<20)
	for stuck := 0; stuck < 2; {
		n := 0
		require.NoError(t, raw.Write(func(fd uintptr) bool {
			n = tryWrite(int(fd), junk)
			return true
		}))
		if filled += n; n == 0 {
			stuck++
		}
	}
	return filled
}

func tryWrite(fd int, b []byte) int {
	n, _ := syscall.Write(fd, b)
	return max(n, 0)
}

package eventloop

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// stream is a connection that its handler has taken and has watched.
type stream struct {
	*Turn
	times atomic.Int32  // it was told to have ended
	ended chan struct{} // closed when it was told first
}

func (s *stream) watch() bool {
	return s.Watch(func() {
		if s.times.Add(1) == 1 {
			close(s.ended)
		}
	})
}

// requireEnd waits until the handler is told that the stream has ended.
func (s *stream) requireEnd(t testing.TB) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(soon):
		require.Fail(t, "nobody told that the stream has ended")
	}
	_, err := s.Write([]byte("late"))
	require.ErrorIs(t, err, net.ErrClosed)
}

// streams gives a house, and the streams that are asked of it. When the test is over each of them
// has been told to have ended, once.
func streams(t testing.TB) (*house, <-chan *stream) {
	all := make(chan *stream)
	var mu sync.Mutex
	var known []*stream
	h := (&house{stream: func(c net.Conn) {
		s := &stream{Turn: c.(*Turn), ended: make(chan struct{})}
		mu.Lock()
		known = append(known, s)
		mu.Unlock()
		all <- s
	}}).openTCP(t, quiet)
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range known {
			_ = s.Close()
			s.requireEnd(t)
			require.EqualValues(t, 1, s.times.Load())
		}
		h.requireEmpty()
		for _, loop := range h.loops {
			loop.mu.Lock()
			left := len(loop.conns)
			loop.mu.Unlock()
			require.Zero(t, left, "whose connections are forgotten")
		}
	})
	return h, all
}

// lookAround waits until each loop has looked at what arrived before: it is told first what came
// first.
func (h *house) lookAround() {
	h.t.Helper()
	for range h.loops { // connections go to one after the other
		h.dial().send(quick("?")).require("loop", "?")
	}
}

func TestAWatchedStreamEndsWhenItsClientGoesOrSaysSomething(t *testing.T) {
	for name, act := range map[string]func(c *net.TCPConn) error{
		"closes":          func(c *net.TCPConn) error { return c.Close() },
		"closes its half": func(c *net.TCPConn) error { return c.CloseWrite() },
		"resets":          func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
		"says something": func(c *net.TCPConn) error {
			_, err := c.Write([]byte("?"))
			return err
		},
	} {
		for _, before := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				h, opened := streams(t)
				c := h.dial().send(quick("q")).require("loop", "q").send(request("/stream", nil))
				s := <-opened
				if before { // what came before Watch is noticed, too
					require.NoError(t, act(c.Conn.(*net.TCPConn)))
					h.lookAround()
					require.True(t, s.watch())
				} else {
					require.True(t, s.watch())
					require.NoError(t, act(c.Conn.(*net.TCPConn)))
				}
				s.requireEnd(t)
			})
		}
	}
}

func TestAWatchedStreamStaysOpenUntilItIsClosed(t *testing.T) {
	h, opened := streams(t)
	c := h.dial().send(request("/slow", []byte("s"))).require("server", "s").
		send(request("/stream", nil))
	s := <-opened
	require.True(t, s.watch())
	h.requireEmpty()
	h.Retire()
	for _, body := range []string{"one", "two"} {
		_, err := s.Write(answerOf("stream", []byte(body)))
		require.NoError(t, err)
		c.require("stream", body)
	}
	require.Zero(t, s.times.Load())
	require.NoError(t, s.Close())
	s.requireEnd(t)
	c.requireEnd()
}

func TestAStreamThatIsClosedAlreadyIsToldSo(t *testing.T) {
	h, opened := streams(t)
	h.dial().send(request("/stream", nil))
	s := <-opened
	require.NoError(t, s.Close())
	require.True(t, s.watch())
	s.requireEnd(t)
}

// The server says that a connection is hijacked when its handler runs already, or has done all that
// it does.
func TestAStreamIsWatchedWheneverTheServerSaysThatItIsOne(t *testing.T) {
	h := (&house{alone: true}).openTCP(t, quiet)
	for said := range 3 {
		c := h.dial().send(request("/stream", nil))
		conn, err := h.Accept()
		require.NoError(t, err)
		s := &stream{Turn: conn.(*Turn), ended: make(chan struct{})}
		for step, do := range []func(){
			func() { require.True(t, s.watch()) },
			func() { require.NoError(t, c.Close()); s.requireEnd(t) },
			func() {},
		} {
			if step == said {
				State(s.Turn, fasthttp.StateHijacked)
			}
			do()
		}
		require.EqualValues(t, 1, s.times.Load())
	}
	h.requireEmpty()
}

func TestAStreamIsClosedWhereNobodyCanWatchItAnyMore(t *testing.T) {
	h, opened := streams(t)
	c := h.dial().send(request("/stream", nil))
	s := <-opened
	for _, loop := range h.loops {
		loop.stop()
	}
	require.True(t, s.watch())
	s.requireEnd(t)
	c.requireEnd()
}

func TestStreamsThatComeAndGoOnBothSidesAllEndOnce(t *testing.T) {
	const clients, rounds = 20, 25
	h, opened := streams(t)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := range rounds {
				c := h.dial().send(request("/stream", nil))
				if (i+n)%3 == 0 {
					_ = c.Close()
				} else {
					_, _ = io.Copy(io.Discard, c) // the other side closes
					_ = c.Close()
				}
			}
		})
		all.Go(func() {
			for n := range rounds {
				s := <-opened
				closing := make(chan struct{})
				if n%2 == 0 {
					close(closing)
				}
				go func() {
					<-closing
					_ = s.Close()
				}()
				if !s.watch() {
					t.Error("there is a loop")
				}
				if n%2 == 1 {
					close(closing)
				}
			}
		})
	}
	all.Wait()
	h.requireEmpty()
}

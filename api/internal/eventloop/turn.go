package eventloop

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Turn is a connection while it is the server's.
type Turn struct {
	*Conn

	arrived []byte // of the request, not read yet
	between bool   // the last request has its answer
	lingers bool   // see Linger
	state   atomic.Int32
}

// What has become of a turn.
const (
	serving = iota
	told    // the server knows that there is no more
	over
)

// State is what the server tells of a connection that it accepted (fasthttp.Server.ConnState).
func State(conn net.Conn, state fasthttp.ConnState) {
	t, ok := conn.(*Turn)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		if t.between || t.loop == nil {
			t.enter(arriving)
		}
		t.between = false
	case fasthttp.StateIdle:
		if t.between = t.loop != nil; !t.between {
			t.enter(resting)
		}
	case fasthttp.StateHijacked: // by now its handler may have done anything
		t.listener.forget(t.Conn)
	}
}

// Watch is for a handler that has taken the connection for good (fasthttp's Hijack, which ends its
// deadlines) and reads nothing from it. The loop closes the connection when its client goes, or
// says something. When the connection is closed, by anybody, ended is called, once, in a goroutine
// of its own. False: there is no loop, and nothing of this is done.
func (t *Turn) Watch(ended func()) bool {
	if t.loop == nil {
		return false
	}
	t.arrived, t.Data = nil, nil // streams live long
	t.ended.Store(&ended)
	if !t.Conn.state.CompareAndSwap(passed, watched) { // it is gone
		t.end()
		return true
	}
	if !t.loop.again(t.Conn) { // closed, or the kernel cannot
		_ = t.Close()
	}
	return true
}

// Read gives what the loop has read, then what comes. Between two requests it says that there is no
// more: the server closes the connection then, which gives it back.
func (t *Turn) Read(b []byte) (int, error) {
	if len(t.arrived) > 0 {
		n := copy(b, t.arrived)
		t.arrived = t.arrived[n:]
		return n, nil
	}
	if t.between && t.state.CompareAndSwap(serving, told) {
		return 0, io.EOF
	}
	return t.Conn.Read(b)
}

// What a client may send, and how long, after an answer that it did not wait for: four times the
// largest body that there is.
const (
	lingerBytes = 16 << 20
	lingerTime  = 2 * time.Second
)

// Linger is for a handler whose answer is the connection's last, while its client may be sending
// still. A connection that is closed with bytes unread is reset, and the client may lose the
// answer. So Close says that there is no more, and drops what comes for a while.
func (t *Turn) Linger() { t.lingers = true }

func (t *Turn) drop() {
	half, ok := t.Conn.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || t.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, t.Conn, lingerBytes)
}

// SetReadDeadline and SetWriteDeadline give no error for a connection that has given way: fasthttp
// takes it for a fault of its own and panics. What is read or written next fails.
func (t *Turn) SetReadDeadline(
	at time.Time) error {
	return unlessClosed(t.Conn.SetReadDeadline(at))
}

// SetWriteDeadline is as SetReadDeadline.
func (t *Turn) SetWriteDeadline(at time.Time) error {
	return unlessClosed(t.Conn.SetWriteDeadline(at))
}

// SetDeadline is as SetReadDeadline.
func (t *Turn) SetDeadline(at time.Time) error { return unlessClosed(t.Conn.SetDeadline(at)) }

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close ends the turn, and the connection if the server wants that.
func (t *Turn) Close() error {
	switch {
	case t.state.CompareAndSwap(told, over):
		t.rest()
	case t.state.CompareAndSwap(serving, over):
		if t.lingers {
			t.drop()
		}
		return t.cut()
	}
	return nil
}

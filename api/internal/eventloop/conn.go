package eventloop

import (
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Whose turn it is on a connection.
const (
	idle    = iota // the loop's: nothing has arrived
	reading        // the loop's: it looks what has arrived
	busy           // the Answerer's: it took a request
	missed         // the Answerer's, and something arrived meanwhile
	passed         // the server's, or a handler's that has taken it for good
	watched        // such a handler's, and the loop notices its end
	gone           // nobody's: closed
)

// replyPatience is how long a client may leave an answer in its network: few bytes, which it asked
// for.
const replyPatience = time.Minute

// Conn is one connection.
type Conn struct {
	net.Conn // the inner listener's
	// Data is the Answerer's own.
	Data any

	listener *Listener
	loop     *loop // nil: all requests are the server's
	fd       int32
	raw      syscall.RawConn
	state    atomic.Int32
	until    atomic.Int64 // when it was silent for too long, in nanoseconds since 1970
	since    atomic.Int64 // when what it does now began, likewise
	phase    atomic.Int32 // of the request, while that is the server's; see giveWay

	// The loop's, while it reads.
	readNow func(uintptr) bool
	read    int
	readErr error
	// The Answerer's, while it replies.
	writer *Writer

	ended atomic.Pointer[func()] // see Turn.Watch
}

// Reply sends the answer to the request that was taken, and keeps nothing of it. last: the
// connection is closed then.
func (c *Conn) Reply(answer []byte, last bool) {
	c.heard(c.listener.silence.Then)
	written, err := c.writer.Write(answer)
	if err != nil {
		_ = c.cut()
		return
	}
	if rest := answer[written:]; len(rest) > 0 { // it does not take what it asked for
		rest = append([]byte(nil), rest...)
		c.enter(answering)
		go func() {
			_ = c.SetWriteDeadline(time.Now().Add(replyPatience))
			if _, err := c.Write(rest); err != nil || last {
				_ = c.cut()
				return
			}
			c.rest()
		}()
		return
	}
	if last {
		_ = c.cut()
		return
	}
	if c.state.CompareAndSwap(busy, idle) {
		c.closeIfStopping()
		return
	}
	c.rest()
}

// pass has the server answer a request, whose bytes were read.
func (c *Conn) pass(request []byte) {
	c.enter(arriving)
	c.state.Store(passed)
	c.listener.pass(&Turn{Conn: c, arrived: append([]byte(nil), request...)})
}

// rest gives the connection back to the loop, which looks at once whether something arrived
// meanwhile.
func (c *Conn) rest() {
	_ = c.SetDeadline(time.Time{})
	c.phase.Store(resting)
	c.heard(c.listener.silence.Then)
	c.state.Store(idle)
	c.loop.again(c)
	c.closeIfStopping()
}

// heard allows for so long a silence from now on.
func (c *Conn) heard(silence time.Duration) {
	now := time.Now().UnixNano()
	c.since.Store(now)
	c.until.Store(now + int64(silence))
}

func (c *Conn) closeIfStopping() {
	if c.listener.stopping.Load() {
		c.closeIdle()
	}
}

// closeIdle closes the connection if it is idle, and says whether it was.
func (c *Conn) closeIdle() bool {
	if c.loop == nil || !c.state.CompareAndSwap(idle, gone) {
		return false
	}
	_ = c.cut()
	return true
}

// cut closes the connection, whoever has it.
func (c *Conn) cut() error {
	c.state.Store(gone)
	if c.loop != nil {
		c.loop.forget(c)
	}
	c.listener.forget(c)
	err := c.Close()
	c.end()
	return err
}

// end tells once who wanted to know.
func (c *Conn) end() {
	if ended := c.ended.Swap(nil); ended != nil {
		go (*ended)()
	}
}

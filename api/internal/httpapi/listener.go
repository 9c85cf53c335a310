package httpapi

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

// Listener bounds a server's connections and outlives a process that runs out of file descriptors. fasthttp takes
// EMFILE for the end of the listener and returns from Serve (its acceptConn retries time-outs only), which would end
// the process. This one waits until there is room: who comes then stays in the kernel's backlog.
type Listener struct {
	net.Listener
	logger *slog.Logger
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// reserved is how many descriptors are kept for what is neither a client nor a database connection.
const reserved = 64

// NewListener wraps ln. most bounds the connections that are open at once; 0: what the process may hold, less a
// reserve and what databases take.
func NewListener(ln net.Listener, most, databases int, logger *slog.Logger) *Listener {
	if limit := fileLimit() - reserved - databases; most == 0 || most > limit {
		most = max(limit, 1)
	}
	return &Listener{Listener: ln, logger: logger, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept waits for a free slot and a connection. It gives an error only after Close.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := l.Listener.Accept()
		if err == nil {
			return &slotConn{Conn: conn, slots: l.slots}, nil
		}
		if errors.Is(err, net.ErrClosed) {
			<-l.slots
			return nil, err
		}
		l.logger.Warn("a connection could not be accepted; trying again", "error", err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-l.closed:
			<-l.slots
			return nil, net.ErrClosed
		}
	}
}

// Close ends Accept. A second Close has no effect: a server that stops closes its listener too.
func (l *Listener) Close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

// slotConn gives its slot back when it is closed.
type slotConn struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *slotConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.slots })
	return err
}

// CloseWrite says that nothing more comes from here, where the connection can say that.
func (c *slotConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SyscallConn gives the connection's descriptor, for the time of a call (syscall.Conn).
func (c *slotConn) SyscallConn() (syscall.RawConn, error) {
	if conn, ok := c.Conn.(syscall.Conn); ok {
		return conn.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// slotOf gives the connection that a server serves as the listener accepted it.
func slotOf(conn net.Conn) (*slotConn, bool) {
	if turn, ok := conn.(*eventloop.Turn); ok {
		conn = turn.Conn.Conn
	}
	slot, ok := conn.(*slotConn)
	return slot, ok
}

package server

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/limit"
)

// Listener bounds a server's connections and outlives a process that runs out of file descriptors.
// fasthttp takes EMFILE for the end of the listener and returns from Serve (its acceptConn retries
// time-outs only), which would end the process. This one makes room, or waits until there is some:
// who comes then stays in the kernel's backlog, but for one.
type Listener struct {
	net.Listener
	logger *slog.Logger
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
	room   func(patient bool) bool // nil: nobody gives way

	share   int // 0: none
	proxies web.Proxies
	mu      sync.Mutex
	of      map[netip.Prefix]int // connections by address, where there is a share
}

// reserved is how many descriptors are kept for what is neither a client nor a database connection.
const reserved = 64

// NewListener wraps ln. most bounds the connections that are open at once; 0: what the process may
// hold, less a reserve and what databases take.
func NewListener(ln net.Listener, most, databases int, logger *slog.Logger) *Listener {
	if limit := fileLimit() - reserved - databases; most == 0 || most > limit {
		most = max(limit, 1)
	}
	return &Listener{Listener: ln, logger: logger, slots: make(chan struct{}, most),
		closed: make(chan struct{}), of: map[netip.Prefix]int{}}
}

// Share bounds how many connections one address may have at once, if most is not 0: more are
// closed at once. Proxies may have any number, since others stand behind them. It is called before
// Accept.
func (l *Listener) Share(most int, proxies web.Proxies) { l.share, l.proxies = most, proxies }

// Open tells how many connections are open.
func (l *Listener) Open() int { return len(l.slots) }

// MakeRoom has Accept call a function when there is a connection too many. It closes another one,
// which can be spared, and says whether there was one; patient: there was none for a while. It is
// called before Accept.
func (l *Listener) MakeRoom(room func(patient bool) bool) { l.room = room }

// Accept waits for a connection, and until there is a slot for it. It gives an error only after
// Close.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.accept()
		if err != nil {
			return nil, err
		}
		from := limit.Address(web.AddressOf(conn.RemoteAddr()))
		slot := &slotConn{Conn: conn, listener: l, from: from}
		if !l.shared(slot) {
			_ = conn.Close()
			continue
		}
		if !l.slot() {
			l.unshare(slot)
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		return slot, nil
	}
}

// slot waits for a free slot, and makes one free if it can. False: the listener is closed.
func (l *Listener) slot() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	begun := time.Now()
	for {
		if l.room != nil {
			l.room(time.Since(begun) > patience)
		}
		select {
		case l.slots <- struct{}{}:
			return true
		case <-time.After(lookAgain):
		case <-l.closed:
			return false
		}
	}
}

const (
	// lookAgain is how soon somebody may be found who gives way, when there was nobody.
	lookAgain = 20 * time.Millisecond
	// patience is how long who comes waits for a request to end that is under way, before a stream
	// has to give way.
	patience = time.Second
)

// shared counts a connection as its address's; false: it has its share. It does so until unshare.
func (l *Listener) shared(c *slotConn) bool {
	if l.share == 0 || l.proxies.Have(web.AddressOf(c.RemoteAddr())) {
		c.from = netip.Prefix{}
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[c.from] >= l.share {
		return false
	}
	l.of[c.from]++
	return true
}

func (l *Listener) unshare(c *slotConn) {
	if !c.from.IsValid() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[c.from]--; l.of[c.from] == 0 {
		delete(l.of, c.from)
	}
}

// accept takes the next connection from the kernel.
func (l *Listener) accept() (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := l.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		l.logger.Warn("a connection could not be accepted; trying again", "error",
			err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-l.closed:
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
	listener *Listener
	from     netip.Prefix // whose share it is; the zero prefix: nobody's
	once     sync.Once
}

func (c *slotConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.listener.unshare(c)
		<-c.listener.slots
	})
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

// Limits tells how many connections the listener holds, and how many of them one address may have;
// 0: any number.
func (c *slotConn) Limits() (connections, share int) {
	return cap(c.listener.slots), c.listener.share
}

// NetConn gives the connection as the kernel's listener accepted it.
func (c *slotConn) NetConn() net.Conn { return c.Conn }

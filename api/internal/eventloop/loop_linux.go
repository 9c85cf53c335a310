package eventloop

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// loop is an epoll of its own (epoll(7)) for a share of the connections. Go's scheduler waits on it
// as on any file, so no thread is blocked in it.
type loop struct {
	listener *Listener
	file     *os.File
	epoll    syscall.RawConn
	events   [128]syscall.EpollEvent
	buffer   [maxRequest + 1]byte

	mu    sync.Mutex
	conns map[int32]*Conn // by descriptor
}

// interest is what a connection is watched for: each arrival is told once, and so is the client's
// end.
// EPOLLET, which package syscall has negative on some processors
const interest = syscall.EPOLLIN | syscall.EPOLLRDHUP | 1<<31

// newLoops makes a loop for each processor; fewer, or none, if the system has no more.
func newLoops(l *Listener) (loops []*loop) {
	for range runtime.GOMAXPROCS(0) {
		fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			return loops
		}
		_ = syscall.SetNonblock(fd, true) // then Go's poller takes it
		file := os.NewFile(uintptr(fd), "epoll")
		raw, err := file.SyscallConn()
		// no deadline: the poller has not taken it
		if err = errors.Join(err, file.SetDeadline(time.Time{})); err != nil {
			_ = file.Close()
			return loops
		}
		loops = append(loops, &loop{listener: l, file: file, epoll: raw,
			conns: make(map[int32]*Conn)})
	}
	return loops
}

// watch has run look at a connection from now on. One that the kernel cannot watch is closed.
func (p *loop) watch(c *Conn) {
	c.readNow = func(fd uintptr) bool {
		c.read, c.readErr = syscall.Read(int(fd), p.buffer[:])
		return true
	}
	_ = c.raw.Control(func(fd uintptr) { c.fd = int32(fd) }) // nobody can have closed it
	p.mu.Lock()
	p.conns[c.fd] = c
	p.mu.Unlock()
	c.state.Store(idle)
	if !p.control(syscall.EPOLL_CTL_ADD, c) {
		c.closeIdle()
	}
}

// control changes what the kernel knows of a connection. It fails for one that is closed, and when
// the loop is.
func (p *loop) control(op int, c *Conn) bool {
	var err error
	closed := c.raw.Control(func(fd uintptr) {
		if closed := p.epoll.Control(func(epoll uintptr) {
			err = syscall.EpollCtl(int(epoll), op, int(fd),
				&syscall.EpollEvent{Events: interest, Fd: int32(fd)})
		}); closed != nil {
			err = closed
		}
	})
	return closed == nil && err == nil
}

// again has the kernel tell once more what has arrived. It fails as control does.
func (p *loop) again(c *Conn) bool { return p.control(syscall.EPOLL_CTL_MOD, c) }

// forget is called before a connection is closed: its number may be another's next.
func (p *loop) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.fd] == c {
		delete(p.conns, c.fd)
	}
}

func (p *loop) stop() { _ = p.file.Close() }

// run reads what arrives until stop.
func (p *loop) run() {
	var n int
	some := func(epoll uintptr) bool {
		var err error
		n, err = syscall.EpollWait(int(epoll), p.events[:], 0)
		return n > 0 || err != nil && err != syscall.EINTR
	}
	conns := make([]*Conn, len(p.events))
	for {
		if err := p.epoll.Read(some); err != nil {
			return
		}
		events := p.events[:max(n, 0)]
		p.mu.Lock()
		for i := range events {
			conns[i] = p.conns[events[i].Fd]
		}
		p.mu.Unlock()
		for i := range events {
			if c := conns[i]; c != nil {
				p.look(c, events[i].Events&^syscall.EPOLLIN != 0)
			}
			conns[i] = nil
		}
	}
}

// look reads a connection if it is the loop's. ending: the client has said its last.
func (p *loop) look(c *Conn, ending bool) {
	for !c.state.CompareAndSwap(idle, reading) {
		switch c.state.Load() {
		case idle:
		case busy:
			if c.state.CompareAndSwap(busy, missed) {
				return
			}
		case watched:
			if n, err := c.readSome(); n > 0 || err != nil {
				_ = c.cut()
			}
			return
		default:
			return // who has it looks again afterwards
		}
	}
	n, err := c.readSome()
	switch {
	case err != nil:
		_ = c.cut()
		return
	case n == 0:
		c.state.Store(idle)
		c.closeIfStopping()
		return
	}
	request := p.buffer[:n]
	if ending {
		c.state.Store(missed) // what comes after the request is not told again
	} else {
		c.state.Store(busy)
	}
	if len(request) > maxRequest || !p.listener.answer(c, request) {
		c.pass(request)
	}
}

// silent says whether nothing waits to be read.
func (c *Conn) silent() (silent bool) {
	_ = c.raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1),
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = n <= 0 || err != nil
	})
	return silent
}

// readSome reads what has arrived into the loop's buffer. Errors: io.EOF when there will be no
// more, and the connection's own.
func (c *Conn) readSome() (n int, err error) {
	for {
		if err := c.raw.Read(c.readNow); err != nil {
			return 0, err
		}
		switch {
		case c.readErr == nil && c.read > 0:
			return c.read, nil
		case c.readErr == nil:
			return 0, io.EOF
		case errors.Is(c.readErr, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(c.readErr, syscall.EINTR):
			return 0, c.readErr
		}
	}
}

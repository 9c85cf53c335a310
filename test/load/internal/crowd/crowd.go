//go:build linux

// Package crowd (Linux only: epoll) drives many HTTP connections from one thread, cheaply enough
// to share two processors with the servers that it measures.
package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the clock of all times here: nanoseconds, the same in every process of a machine.
func Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return ts.Nano()
}

// Crowd is a set of connections. One goroutine uses it.
type Crowd struct {
	addr    netip.AddrPort
	source  netip.Addr
	epoll   int
	timer   int
	conns   []conn
	events  []unix.EpollEvent
	scratch []byte
}

type conn struct {
	fd int    // -1: there is none
	in []byte // of an answer that came in pieces
}

// waitTimer marks the timer among the events.
const waitTimer = -1

// New makes n clients, each connected when it first sends, from source (none: any address).
func New(addr netip.AddrPort, n int, source netip.Addr) (*Crowd, error) {
	c := &Crowd{addr: addr, source: source, epoll: -1, timer: -1, conns: make([]conn, n),
		events: make([]unix.EpollEvent, 512), scratch: make([]byte, 64<<10)}
	for i := range c.conns {
		c.conns[i].fd = -1
	}
	var err error
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	// The timer, since epoll itself waits in whole milliseconds.
	c.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err == nil {
		err = c.watch(c.timer, waitTimer)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("timer: %w", err), c.Close())
	}
	return c, nil
}

// Close closes every connection.
func (c *Crowd) Close() error {
	for i := range c.conns {
		c.drop(i)
	}
	for _, fd := range []int{c.timer, c.epoll} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	return nil
}

func (c *Crowd) watch(fd, i int) error {
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

const connectTimeout = 20 * time.Second

// connect blocks for as long as the server's queue is full, at most connectTimeout.
func (c *Crowd) connect(i int) error {
	d := net.Dialer{Timeout: connectTimeout, KeepAlive: -1}
	if c.source.IsValid() {
		// The port is chosen at connect: an address has as many as there are, for every server.
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.source, 0))
		d.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			failed := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			})
			return errors.Join(failed, err)
		}
	}
	dialled, err := d.Dial("tcp4", c.addr.String())
	if err != nil {
		return err
	}
	// The connection goes on as a descriptor of which the runtime's poller knows nothing.
	raw, err := dialled.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { // without one, it cannot be watched either
			c.conns[i].fd, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		})
	}
	if err = errors.Join(err, dialled.Close(), c.watch(c.conns[i].fd, i)); err != nil {
		c.drop(i)
	}
	return err
}

func (c *Crowd) drop(i int) {
	if c.conns[i].fd >= 0 {
		_ = unix.Close(c.conns[i].fd)
	}
	c.conns[i] = conn{fd: -1}
}

// greet sends every client's first request as soon as it is connected, a few at a time. read waits
// for answers, and tells how many clients have theirs.
func (c *Crowd) greet(request []byte, patience time.Duration,
	read func(until int64) (known int, err error)) error {
	const together = 256
	end := Now() + int64(patience)
	for sent, known := 0, 0; known < len(c.conns); {
		for ; sent < len(c.conns) && sent-known < together; sent++ {
			if err := c.Send(sent, request); err != nil {
				return fmt.Errorf("client %d: %w", sent, err)
			}
		}
		var err error
		if known, err = read(end); err != nil {
			return err
		}
		if Now() > end {
			return fmt.Errorf("%d of %d clients had their first answer within %v", known,
				len(c.conns), patience)
		}
	}
	return nil
}

// Send writes a request on the i-th connection. One that was lost is made anew.
func (c *Crowd) Send(i int, request []byte) error {
	if c.conns[i].fd < 0 {
		if err := c.connect(i); err != nil {
			return err
		}
	}
	n, err := unix.Write(c.conns[i].fd, request)
	if err == nil && n != len(request) { // a connection that waits for nothing has an empty buffer
		err = fmt.Errorf("%d of %d bytes were taken", n, len(request))
	}
	if err != nil {
		c.drop(i)
	}
	return err
}

// Wait handles what arrives until the time until, or until something did. Answered is called with
// an answer's status, or with the error that ended the connection.
func (c *Crowd) Wait(until int64, answered func(i, status int, err error)) error {
	return c.ready(until, func(i int, in []byte, err error) {
		in = append(c.conns[i].in, in...)
		status, whole := 0, false
		if err == nil {
			status, whole, err = parse(in)
		}
		switch {
		case err != nil:
			c.drop(i)
			answered(i, 0, err)
		case whole:
			c.conns[i].in = in[:0]
			answered(i, status, nil)
		default:
			c.conns[i].in = in
		}
	})
}

var errClosed = errors.New("the server closed the connection")

// ready waits for the time until, or until something arrived, which is read's until it returns.
func (c *Crowd) ready(until int64, read func(i int, in []byte, err error)) error {
	timeout := -1
	if wait := until - Now(); wait <= 0 {
		timeout = 0
	} else if err := unix.TimerfdSettime(c.timer, 0,
		&unix.ItimerSpec{Value: unix.NsecToTimespec(wait)}, nil); err != nil {
		return err
	}
	n, err := unix.EpollWait(c.epoll, c.events, timeout)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range c.events[:n] {
		if e.Fd == waitTimer {
			_, _ = unix.Read(c.timer, c.scratch[:8]) // it may have been set anew meanwhile
			continue
		}
		n, err := unix.Read(c.conns[e.Fd].fd, c.scratch)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0:
			err = errClosed
		}
		read(int(e.Fd), c.scratch[:max(n, 0)], err)
	}
	return nil
}

// parse reads an answer of HTTP/1.1 whose length is given, or which has no body.
func parse(in []byte) (status int, whole bool, err error) {
	head, body, found := bytes.Cut(in, []byte("\r\n\r\n"))
	if !found {
		return 0, false, nil
	}
	line, rest, _ := strings.Cut(string(head), "\r\n")
	if !strings.HasPrefix(line, "HTTP/1.1 ") || len(line) < 12 {
		return 0, false, fmt.Errorf("no answer of HTTP/1.1: %q", line)
	}
	if status, err = strconv.Atoi(line[9:12]); err != nil || status == 204 || status == 304 {
		return status, true, err
	}
	for field := range strings.SplitSeq(rest, "\r\n") {
		if name, value, _ := strings.Cut(field, ":"); strings.EqualFold(name, "Content-Length") {
			length, err := strconv.Atoi(strings.TrimSpace(value))
			return status, len(body) >= length, err
		}
	}
	return 0, false, fmt.Errorf("an answer %d without a length", status)
}

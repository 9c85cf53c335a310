//go:build linux

// Package crowd (Linux only: epoll) drives many keep-alive HTTP/1.1 connections from one thread, cheaply enough to share two processors
// with what it measures: sockets and epoll, no goroutine per client.
package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the clock of all times here: nanoseconds, monotonic, and the same in every process of the machine.
func Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return ts.Nano()
}

// Crowd is a set of connections. One goroutine uses it.
type Crowd struct {
	addr    netip.AddrPort
	sources []netip.Addr
	epoll   int
	timer   int
	conns   []conn
	events  []unix.EpollEvent
	scratch []byte
}

type conn struct {
	fd int
	in []byte // of an answer that came in pieces
}

// waitTimer marks the timer among the events.
const waitTimer = -1

// New makes n clients, each of which is connected when it first sends, from the source addresses in turn; none: the
// system's choice.
func New(addr netip.AddrPort, n int, sources ...netip.Addr) (*Crowd, error) {
	c := &Crowd{addr: addr, sources: sources, epoll: -1, timer: -1, conns: make([]conn, n), events: make([]unix.EpollEvent, 512), scratch: make([]byte, 64<<10)}
	for i := range c.conns {
		c.conns[i].fd = -1
	}
	var err error
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if c.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, errors.Join(fmt.Errorf("timer: %w", err), c.Close())
	}
	if err := c.watch(c.timer, waitTimer); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Dial makes n clients and connects them, one after the other.
func Dial(addr netip.AddrPort, n int) (*Crowd, error) {
	c, err := New(addr, n)
	if err != nil {
		return nil, err
	}
	for i := range c.conns {
		if err := c.connect(i); err != nil {
			return nil, errors.Join(fmt.Errorf("client %d of %d: %w", i, n, err), c.Close())
		}
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
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// connect blocks for as long as the server's queue is full, at most connectTimeout.
func (c *Crowd) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	c.conns[i] = conn{fd: fd}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if len(c.sources) > 0 {
		// The port is chosen at connect: a source address has as many as there are, for every server.
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: c.sources[i%len(c.sources)].As4()}))
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: c.addr.Addr().As4(), Port: int(c.addr.Port())})
	}
	if errors.Is(err, unix.EINPROGRESS) {
		err = connected(fd)
	}
	if err = errors.Join(err, c.watch(fd, i)); err != nil {
		c.drop(i)
	}
	return err
}

// connected waits for a connection that is under way.
func connected(fd int) error {
	for end := Now() + int64(connectTimeout); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(time.Duration(end-Now())/time.Millisecond)+1)
		switch {
		case errors.Is(err, unix.EINTR) && Now() < end: // the runtime interrupts threads
			continue
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("not connected within %v", connectTimeout)
		}
		failure, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && failure != 0 {
			err = unix.Errno(failure)
		}
		return err
	}
}

const connectTimeout = 20 * time.Second

func (c *Crowd) drop(i int) {
	if c.conns[i].fd >= 0 {
		_ = unix.Close(c.conns[i].fd)
	}
	c.conns[i] = conn{fd: -1}
}

// Send writes a request on the i-th connection, which must wait for no answer; one that was lost is made anew.
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

// Wait handles what arrives until the time until, or until something did. Answered is called with an answer's status, or
// with the error that ended the connection.
func (c *Crowd) Wait(until int64, answered func(i, status int, err error)) error {
	return c.ready(until, func(i int) {
		if status, err := c.read(i); err != nil {
			c.drop(i)
			answered(i, 0, err)
		} else if status > 0 {
			answered(i, status, nil)
		}
	})
}

// ready waits for the time until, or until something arrived, and calls read for each connection on which it did.
func (c *Crowd) ready(until int64, read func(i int)) error {
	timeout := -1
	if wait := until - Now(); wait <= 0 {
		timeout = 0
	} else if err := unix.TimerfdSettime(c.timer, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(wait)}, nil); err != nil {
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
			var expired [8]byte
			_, _ = unix.Read(c.timer, expired[:]) // it may have been set anew meanwhile
			continue
		}
		read(int(e.Fd))
	}
	return nil
}

var errClosed = errors.New("the server closed the connection")

// receive gives what has arrived on a connection, which is everybody's until the next call; nil: nothing.
func (c *Crowd) receive(i int) ([]byte, error) {
	n, err := unix.Read(c.conns[i].fd, c.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errClosed
	}
	return c.scratch[:n], nil
}

// read gives the status of an answer that is complete, 0 while it is not.
func (c *Crowd) read(i int) (status int, err error) {
	in, err := c.receive(i)
	if in == nil || err != nil {
		return 0, err
	}
	if len(c.conns[i].in) > 0 {
		in = append(c.conns[i].in, in...)
	}
	status, whole, err := parse(in)
	if err != nil {
		return 0, err
	}
	if whole {
		c.conns[i].in = c.conns[i].in[:0]
		return status, nil
	}
	c.conns[i].in = append(c.conns[i].in[:0], in...)
	return 0, nil
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
	if status, err = strconv.Atoi(line[9:12]); err != nil {
		return 0, false, fmt.Errorf("no status: %q", line)
	}
	if status == 204 || status == 304 {
		return status, true, nil
	}
	for field := range strings.SplitSeq(rest, "\r\n") {
		if name, value, _ := strings.Cut(field, ":"); strings.EqualFold(name, "Content-Length") {
			length, err := strconv.Atoi(strings.TrimSpace(value))
			return status, len(body) >= length, err
		}
	}
	return 0, false, fmt.Errorf("an answer %d without a length", status)
}

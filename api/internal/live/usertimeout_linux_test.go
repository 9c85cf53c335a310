package httpapi

import (
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/plenary-live/plenary/pkg/stage"
)

// keeping hands on the connections that it accepts.
type keeping struct {
	net.Listener
	conns chan *net.TCPConn
}

func (k keeping) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		k.conns <- tcp
	}
	return conn, err
}

func TestAStreamsSocketBoundsHowLongAClientMayBeGone(t *testing.T) {
	r := newRoom(t)
	cache := stage.NewCache(r, time.Now)
	defer cache.Close()
	s := newTestServer()
	s.Start(Services{Store: r, Cache: cache, Bus: r.bus})
	defer s.Close()
	kept := keeping{listen(t), make(chan *net.TCPConn, 1)}
	ln := NewListener(kept, 9, 0, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	res, _ := r.ask(ln, "GET", r.id, "") // its head comes after the connection was made ready
	require.Equal(t, 200, res.StatusCode)
	raw, err := (<-kept.conns).SyscallConn()
	require.NoError(t, err)
	var wait int
	var got error
	require.NoError(t, raw.Control(func(fd uintptr) {
		wait, got = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout)
	}))
	require.NoError(t, got)
	require.EqualValues(t, vanishedAfter.Milliseconds(), wait)
	require.NoError(t, ln.Close())
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, <-served)
}

// TestAClientThatVanishedIsGivenUpAndASlowOneIsNot has two clients that read nothing. One is a phone out of reach: whatever is sent to
// it is lost. The other one's kernel is there and takes what comes.
func TestAClientThatVanishedIsGivenUpAndASlowOneIsNot(t *testing.T) {
	const wait = 300 * time.Millisecond
	ln := listen(t)
	defer func() { _ = ln.Close() }()
	connect := func() (client, server *net.TCPConn) {
		c, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		s, err := ln.Accept()
		require.NoError(t, err)
		for _, conn := range []net.Conn{c, s} {
			t.Cleanup(func() { _ = conn.Close() })
			require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		}
		setUserTimeout(s.(*net.TCPConn), wait)
		return c.(*net.TCPConn), s.(*net.TCPConn)
	}
	phone, gone := connect()
	slow, there := connect()
	vanish(t, phone)
	for _, conn := range []net.Conn{there, gone} {
		_, err := conn.Write([]byte(":\n\n"))
		require.NoError(t, err, "the kernel takes a heartbeat, whoever is there")
	}
	begun := time.Now()
	_, err := gone.Read(make([]byte, 1)) // as the hub does, which learns so that a client went
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	require.GreaterOrEqual(t, time.Since(begun), wait/2)

	// By now the time of the other one would be over, too.
	_, err = there.Write([]byte("data"))
	require.NoError(t, err)
	require.NoError(t, there.CloseWrite())
	v := newViewer(t, slow)
	text, err := v.ReadString(0)
	require.Equal(t, ":\n\ndata", text, err)
}

// vanish lets a socket lose all that comes to it, before it is acknowledged.
func vanish(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	var set error
	require.NoError(t, raw.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]})
	}))
	require.NoError(t, set)
}

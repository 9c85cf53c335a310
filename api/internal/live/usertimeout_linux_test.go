package live

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestAClientThatVanishedIsGivenUpAndASlowOneIsNot has two clients that read nothing. One is a
// phone out of reach, and loses what it is sent. The other one's kernel takes what comes.
func TestAClientThatVanishedIsGivenUpAndASlowOneIsNot(t *testing.T) {
	const wait = 300 * time.Millisecond
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
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
	_, err = gone.Read(make([]byte, 1)) // as the hub does, which learns so that a client went
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	require.GreaterOrEqual(t, time.Since(begun), wait/2)

	// By now the time of the other one would be over, too.
	_, err = there.Write([]byte("data"))
	require.NoError(t, err)
	require.NoError(t, there.CloseWrite())
	text, err := io.ReadAll(slow)
	require.Equal(t, ":\n\ndata", string(text), err)
}

// vanish lets a socket lose all that comes to it, before it is acknowledged.
func vanish(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	var set error
	require.NoError(t, raw.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: 1, Filter: &nothing[0]})
	}))
	require.NoError(t, set)
}

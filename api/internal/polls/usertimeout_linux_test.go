package polls

import (
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
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
	defer lifetest.Stop(t, cache)
	s := newTestServer()
	s.Start(Services{Store: r, Cache: cache, Bus: r.bus})
	defer s.Close()
	kept := keeping{listen(t), make(chan *net.TCPConn, 1)}
	ln := server.NewListener(kept, 9, 0, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	res, _ := r.ask(ln, "GET", r.id, "") // its head comes after the connection was made ready
	require.Equal(t, 200, res.StatusCode)
	raw, err := (<-kept.conns).SyscallConn()
	require.NoError(t, err)
	var wait int
	var got error
	require.NoError(t, raw.Control(func(fd uintptr) {
		wait, got = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}))
	require.NoError(t, got)
	require.EqualValues(t, (25 * time.Second).Milliseconds(), wait)
	require.NoError(t, ln.Close())
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, <-served)
}

package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func listen(t testing.TB) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// troubled fails a few times before it accepts.
type troubled struct {
	net.Listener
	errs []error
}

func (l *troubled) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return l.Listener.Accept()
}

func TestRunningOutOfDescriptorsDoesNotEndTheListener(t *testing.T) {
	inner := &troubled{listen(t),
		[]error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, errors.New("whatever")}}
	l := NewListener(inner, 10, 0, slog.New(slog.DiscardHandler))
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	conn, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "twice is as good as once")
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestConnectionsAreBoundedAndAClosedOneMakesRoom(t *testing.T) {
	l := NewListener(listen(t), 2, 0, slog.New(slog.DiscardHandler))
	for range 4 {
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer client.Close()
	}
	first, err := l.Accept()
	require.NoError(t, err)
	second, err := l.Accept()
	require.NoError(t, err)
	third := make(chan net.Conn)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			third <- conn
		}
		close(third)
	}()
	require.NoError(t, first.Close())
	_ = first.Close() // a second close gives no second slot
	conn := <-third
	require.NotNil(t, conn)
	require.Len(t, l.slots, 2)
	require.NoError(t, conn.Close())
	require.NoError(t, second.Close())
	require.NoError(t, l.Close())
}

func TestClosingEndsAnAcceptThatWaitsForRoom(t *testing.T) {
	l := NewListener(listen(t), 1, 0, slog.New(slog.DiscardHandler))
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})
	require.NoError(t, l.Close())
	waiting.Wait()
}

func TestTheBoundLeavesDescriptorsForTheRest(t *testing.T) {
	l := NewListener(listen(t), 0, 20, slog.New(slog.DiscardHandler))
	defer l.Close()
	require.Equal(t, fileLimit()-reserved-20, cap(l.slots))
	over := NewListener(listen(t), 1<<30, 0, slog.New(slog.DiscardHandler))
	defer over.Close()
	require.Equal(t, fileLimit()-reserved, cap(over.slots))
}

func TestOneConnectionTooManyWaitsForRoomThatIsMade(t *testing.T) {
	l := NewListener(listen(t), 1, 0, slog.New(slog.DiscardHandler))
	defer l.Close()
	held := make(chan net.Conn, 1)
	asked := 0
	l.MakeRoom(func(patient bool) bool {
		if asked++; asked == 1 {
			return false // a request is under way on it
		}
		select {
		case conn := <-held:
			require.NoError(t, conn.Close())
			return true
		default:
			return false
		}
	})
	for range 3 {
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer client.Close()
		conn, err := l.Accept()
		require.NoError(t, err)
		held <- conn
	}
	require.Equal(t, 3, asked, "and nobody has to give way before somebody comes")
}

func TestAShareIsGivenBack(t *testing.T) {
	l := NewListener(listen(t), 9, 0, slog.New(slog.DiscardHandler))
	l.Share(1, nil)
	dial := func() net.Conn {
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	dial()
	first, err := l.Accept()
	require.NoError(t, err)
	refused := dial()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := l.Accept()
		accepted <- conn
	}()
	_, err = refused.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, first.Close())
	dial()
	second := <-accepted
	require.NotNil(t, second)
	require.NoError(t, second.Close())
	require.Empty(t, l.of)
	require.Empty(t, l.slots)
	require.NoError(t, l.Close())
}

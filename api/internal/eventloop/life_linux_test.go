package eventloop

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestAListenerLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = ln.Close() }) // it may never have been started
		taken := make(chan struct{}, 1)
		answer := func(c *Conn, _ []byte) bool {
			taken <- struct{}{}
			time.AfterFunc(10*time.Millisecond, func() { c.Reply(answerOf("loop", nil), false) })
			return true
		}
		l := Wrap(ln, quiet, answer, func(c net.Conn) error { return c.Close() })
		return lifetest.Made{Service: l, Work: func() {
			idle, busy := dialTo(t, ln), dialTo(t, ln)
			busy.send(quick("a"))
			<-taken
			require.NoError(t, idle.SetDeadline(time.Now().Add(soon)))
		}}
	})
}

func dialTo(t *testing.T, ln net.Listener) *client {
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	return newClient(t, conn)
}

package live

import (
	"net"
	"time"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

const (
	heartbeatEvery = 15 * time.Second
	// slowest is how long a viewer may leave a write waiting before its stream is cut off.
	slowest = 10 * time.Second
	// streamBuffer is what the kernel keeps of a stream for a slow client, in bytes: what waits
	// there is old.
	streamBuffer = 16 << 10
	// vanishedAfter is how long a client may leave what was sent to it unacknowledged. A heartbeat
	// to a phone out of reach fails no write, since the kernel takes it. The kernel would try to
	// deliver it for a quarter of an hour, in which it sends no keep-alive.
	vanishedAfter = 25 * time.Second
)

// heartbeat is a comment: a connection that leads nowhere fails, sooner or later.
var heartbeat = []byte(":\n\n")

// accepted gives a connection as its listener accepted it.
func accepted(conn net.Conn) net.Conn {
	if turn, ok := conn.(*eventloop.Turn); ok {
		return turn.Conn.Conn
	}
	return conn
}

// listened is a connection whose listener has limits.
type listened interface {
	// Limits tells how many connections the listener holds, and how many of them one address may
	// have; 0: any number.
	Limits() (connections, share int)
	// NetConn gives the connection below.
	NetConn() net.Conn
}

// prepare makes a connection ready for a stream.
func prepare(conn net.Conn) {
	below, ok := accepted(conn).(listened)
	if !ok {
		return
	}
	if tcp, ok := below.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(streamBuffer)
		setUserTimeout(tcp, vanishedAfter)
	}
}

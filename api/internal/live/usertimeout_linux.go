package live

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT on every processor; package syscall does not name it
// on all of them.
const tcpUserTimeout = 0x12

// setUserTimeout bounds how long what was written may stay unacknowledged, or the client not take
// it, before the kernel ends the connection. Where that cannot be set, the kernel's own patience
// holds.
func setUserTimeout(conn *net.TCPConn, wait time.Duration) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout,
			int(wait.Milliseconds()))
	})
}

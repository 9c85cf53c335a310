//go:build !linux

package live

import (
	"net"
	"time"
)

// setUserTimeout does nothing here: the kernel's own patience holds.
func setUserTimeout(*net.TCPConn, time.Duration) {}

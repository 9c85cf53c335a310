//go:build unix

package httpapi

import (
	"errors"
	"syscall"
)

// rawOf gives the connection's descriptor where it can be written to without waiting.
func rawOf(conn syscall.Conn) syscall.RawConn {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// write writes what the network takes of v.data now. It is for raw.Write, and never asks to be called again.
func (v *seat) write(fd uintptr) bool {
	for {
		v.wrote, v.err = syscall.Write(int(fd), v.data)
		if errors.Is(v.err, syscall.EINTR) {
			continue
		}
		if errors.Is(v.err, syscall.EAGAIN) {
			v.err = nil
		}
		v.wrote = max(v.wrote, 0)
		return true
	}
}

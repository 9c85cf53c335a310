//go:build !unix

package httpapi

import "syscall"

// rawOf gives nothing: here a connection is not written to without waiting.
func rawOf(syscall.Conn) syscall.RawConn { return nil }

func (v *seat) write(uintptr) bool { return true }

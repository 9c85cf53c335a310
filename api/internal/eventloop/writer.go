package eventloop

import (
	"net"
	"syscall"
)

// Writer writes to a connection what the network takes at once. One goroutine at a time may use it.
type Writer struct {
	raw syscall.RawConn
	// For the time of a Write, which so needs no memory.
	call func(uintptr) bool
	data []byte
	n    int
	err  error
}

// NewWriter gives nil for a connection that has no descriptor, or on a system where that is not
// written to without waiting.
func NewWriter(conn net.Conn) *Writer {
	raw := rawConn(conn)
	if raw == nil || !writesNow {
		return nil
	}
	w := &Writer{raw: raw}
	w.call = w.write
	return w
}

// Write gives how many bytes of data were taken, which it keeps nothing of. It never waits, and an
// error ends the connection.
func (w *Writer) Write(data []byte) (n int, err error) {
	w.data = data
	err = w.raw.Write(w.call)
	w.data = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

//go:build unix

package eventloop

import (
	"errors"
	"syscall"
)

const writesNow = true

// write is for raw.Write, and never asks to be called again.
func (w *Writer) write(fd uintptr) bool {
	for {
		w.n, w.err = syscall.Write(int(fd), w.data)
		if errors.Is(w.err, syscall.EINTR) {
			continue
		}
		if errors.Is(w.err, syscall.EAGAIN) {
			w.err = nil
		}
		w.n = max(w.n, 0)
		return true
	}
}

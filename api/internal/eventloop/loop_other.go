//go:build !linux

package eventloop

// loop is Linux's alone: elsewhere all requests are the server's.
type loop struct{}

func newLoops(*Listener) []*loop { return nil }
func (*loop) run()               {}
func (*loop) stop()              {}
func (*loop) watch(*Conn)        {}
func (*loop) again(*Conn) bool   { return false }
func (*loop) forget(*Conn)       {}
func (*Conn) silent() bool       { return true }

package web

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// sessionEvery is how often it is asked whether the session that opened a stream goes on.
const sessionEvery = 2 * time.Second

// WatchSession gives what has a stream end when the session of the request does, or when allow,
// which is asked as often, refuses it. nil asks nothing. When stop returns nothing is asked any
// more.
func (c *Call) WatchSession(allow func(context.Context) error) (
	watch func(stream net.Conn) (stop func()),
) {
	sessions, streaming := c.Site.Sessions, c.Site.Streaming
	token := strings.Clone(c.Token()) // Fiber uses its buffers again
	return func(stream net.Conn) (stop func()) {
		return watchSession(streaming, stream, func(ctx context.Context) error {
			if _, err := sessions.Account(ctx, token); err != nil || allow == nil {
				return err
			}
			return allow(ctx)
		})
	}
}

// sessionWatch closes a stream soon after the session that opened it has ended.
type sessionWatch struct {
	ctx    context.Context
	stream net.Conn
	ask    func(context.Context) error

	mu    sync.Mutex // held while it asks
	timer *time.Timer
	over  bool
}

// watchSession begins to ask, until ctx ends or stop is called. When stop returns it asks no more.
func watchSession(
	ctx context.Context, stream net.Conn, ask func(context.Context) error,
) (stop func()) {
	w := &sessionWatch{ctx: ctx, stream: stream, ask: ask}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(sessionEvery, w.look)
	return w.stop
}

func (w *sessionWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.ctx, CallTimeout)
	defer cancel()
	if err := w.ask(ctx); fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Forbidden) {
		_ = w.stream.Close() // what waits for the client takes it for gone
		return
	}
	w.timer.Reset(sessionEvery)
}

func (w *sessionWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

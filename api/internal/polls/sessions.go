package polls

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// sessionEvery is how often it is asked whether the session that opened a stream goes on.
const sessionEvery = 2 * time.Second

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
	ctx, cancel := context.WithTimeout(w.ctx, web.CallTimeout)
	defer cancel()
	if fault.Is(w.ask(ctx), fault.Unauthenticated) {
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

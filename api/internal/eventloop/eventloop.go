// Package eventloop answers on many connections without a goroutine for each. It stands between a
// listener and a server, and answers the requests that a function takes. Every other request goes
// to the server with its connection, byte for byte as it came. The connection comes back when the
// server has answered.
//
// A goroutine that waits for an answer has its stack, its buffers and its request grow cold until
// it wakes up. Then each must be fetched once more. Here what waits is what the Answerer keeps
// (docs/benchmarks.md tells what that is worth).
package eventloop

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/pkg/life"
)

// maxRequest is the size of the longest request that an Answerer is asked about, in bytes with its
// head.
const maxRequest = 16 << 10

// Answerer takes a request if it is one of its own. request is what has arrived. If all goes well
// that is one request, but perhaps a part of one or more than one, which it must leave to the
// server. It keeps nothing of request, which is overwritten. If it gives true, Reply must be
// called, once, by any goroutine; it may have been already. It must not block: others wait.
type Answerer func(c *Conn, request []byte) bool

// Listener is where a server accepts connections that have a request for it, each until it is idle
// again. Where the system has no loop, and for connections without a descriptor, all requests are
// the server's. The server must tell State of each connection. It is a life.Service.
type Listener struct {
	inner   net.Listener
	silence Silence
	answer  Answerer
	serve   func(net.Conn) error
	loops   []*loop
	passed  chan *Turn
	ended   chan struct{} // closed when Accept ends
	end     func()

	stopping atomic.Bool // who is idle is closed
	working  *life.Tasks
	emptied  chan struct{} // a token whenever the last one of conns has gone

	mu    sync.Mutex
	conns map[*Conn]struct{} // neither closed nor streams

	room room
}

// Silence is how long a connection may be idle.
type Silence struct {
	First time.Duration // before its first request
	Then  time.Duration
}

// Wrap makes a listener over inner, whose Accept must give no error before it is closed. serve is
// the server's, for one connection. When Accept has ended, requests that no Answerer took get
// there.
func Wrap(inner net.Listener, silence Silence, answer Answerer,
	serve func(net.Conn) error) *Listener {
	l := &Listener{
		inner: inner, answer: answer, serve: serve, silence: silence, passed: make(chan *Turn),
		ended: make(chan struct{}),
		conns: make(map[*Conn]struct{}), emptied: make(chan struct{}, 1), working: life.NewTasks(),
	}
	l.end = sync.OnceFunc(func() { close(l.ended) })
	return l
}

// Start begins to accept from the inner listener.
func (l *Listener) Start() error {
	if err := l.working.Start(); err != nil {
		return err
	}
	loops := newLoops(l)
	end := func(ctx context.Context) {
		<-ctx.Done()
		for _, loop := range loops {
			loop.stop()
		}
	}
	l.loops = loops
	if !l.working.Go(end) {
		end(l.working.Context())
		return life.ErrStopped
	}
	for _, loop := range loops {
		l.working.Go(func(context.Context) { loop.run() })
	}
	l.working.Go(l.acceptAll)
	l.working.Go(l.sweep)
	return nil
}

func (l *Listener) acceptAll(context.Context) {
	for n := 0; ; n++ {
		inner, err := l.inner.Accept()
		if err != nil {
			return
		}
		c := &Conn{Conn: inner, listener: l}
		c.state.Store(passed) // nobody else's before it is watched
		c.heard(l.silence.First)
		if writer := NewWriter(inner); writer != nil && len(l.loops) > 0 {
			c.raw, c.writer, c.loop = writer.raw, writer, l.loops[n%len(l.loops)]
		}
		l.mu.Lock()
		l.conns[c] = struct{}{}
		l.mu.Unlock()
		if c.loop == nil {
			l.pass(&Turn{Conn: c})
			continue
		}
		c.loop.watch(c)
		c.closeIfStopping()
	}
}

// rawConn gives a connection's descriptor; nil: it has none.
func rawConn(conn net.Conn) syscall.RawConn {
	has, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Accept gives the next connection that has a request for the server. It gives an error only after
// Close.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case t := <-l.passed:
		return t, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Addr gives the inner listener's.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close ends Accept. Connections stay, and requests that were passed are still served.
func (l *Listener) Close() error {
	l.end()
	return nil
}

// pass gives a connection to the server, which may serve it all the same when it accepts no more.
// Nothing is left in passed, which has no room.
func (l *Listener) pass(t *Turn) {
	select {
	case l.passed <- t:
	case <-l.ended:
		go func() { _ = l.serve(t) }()
	}
}

// Open gives the number of connections that are neither closed nor streams.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *Listener) all() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*Conn, 0, len(l.conns))
	for c := range l.conns {
		all = append(all, c)
	}
	return all
}

// forget takes a connection off the list.
func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if len(l.conns) == 0 {
		select {
		case l.emptied <- struct{}{}:
		default:
		}
	}
}

// sweep closes who was silent for too long; a quarter of that later at most.
func (l *Listener) sweep(context.Context) {
	if len(l.loops) == 0 {
		return // the server looks after all of them
	}
	tick := time.NewTicker(min(l.silence.First, l.silence.Then) / 4)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, c := range l.all() {
				if now.UnixNano() > c.until.Load() {
					c.closeIdle()
				}
			}
		case <-l.ended:
			return
		}
	}
}

// Retire closes what is idle, and from now on whatever becomes idle.
func (l *Listener) Retire() {
	l.stopping.Store(true)
	for _, c := range l.all() {
		c.closeIdle()
	}
}

// Wait returns when all connections are closed or streams, or ctx ends.
func (l *Listener) Wait(ctx context.Context) {
	for l.Open() > 0 && ctx.Err() == nil {
		select {
		case <-l.emptied:
		case <-ctx.Done():
		}
	}
}

// Stop closes the inner listener and what is idle, and waits until all other connections are closed
// or streams. They are the server's, who ends them: requests that were taken are still answered.
func (l *Listener) Stop(ctx context.Context) error {
	_ = l.inner.Close() // it may be closed already
	l.Retire()
	_ = l.Close() // never fails
	if err := l.working.Stop(ctx); err != nil {
		return err
	}
	if l.Wait(ctx); l.Open() > 0 {
		return ctx.Err()
	}
	return nil
}

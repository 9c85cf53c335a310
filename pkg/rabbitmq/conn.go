package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var errLost = errors.New("the connection was lost")

// closeGrace is how long a clean goodbye may take before the connection is cut.
const closeGrace = 2 * time.Second

// transport gives every write a deadline. The client library writes under locks that its own
// shutdown needs, so a peer that takes no bytes would hold it for ever.
type transport struct {
	net.Conn
	timeout time.Duration
}

func (t *transport) Write(b []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}

// conn is a connection, and what became of it.
type conn struct {
	*amqp.Connection
	host string
	raw  net.Conn

	confirmTimeout time.Duration

	lost    chan struct{}          // closed when the connection has ended
	blocked atomic.Pointer[string] // why the broker takes nothing now; nil: it does

	mu    sync.Mutex     // guards the following, and wg against growing once lost is closed
	wg    sync.WaitGroup // every goroutine that lives on the connection
	cause error          // why it ended
}

// dial connects. ctx bounds the attempt only.
func dial(ctx context.Context, c Config, name, rawURL string) (*conn, error) {
	k := &conn{lost: make(chan struct{}), confirmTimeout: c.ConfirmTimeout}
	if u, err := url.Parse(rawURL); err == nil {
		k.host = u.Host
	}
	var stop func() bool
	var err error
	k.Connection, err = amqp.DialConfig(rawURL, amqp.Config{
		Heartbeat:  c.Heartbeat,
		Properties: amqp.Table{"product": "Plenary", "connection_name": c.Prefix + " " + name},
		Dial: func(network, addr string) (net.Conn, error) {
			raw, err := (&net.Dialer{Timeout: c.DialTimeout}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			k.raw = raw
			stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
			// The library lifts it after the handshake.
			return &transport{raw, c.WriteTimeout},
				raw.SetReadDeadline(time.Now().Add(c.DialTimeout))
		},
	})
	if stop != nil && !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if k.raw != nil {
			// the library leaves it open, and its reader waiting, when the handshake fails
			_ = k.raw.Close()
		}
		return nil, fmt.Errorf("connect to %s: %w", k.host, err)
	}
	closed := k.NotifyClose(make(chan *amqp.Error, 1))
	blocked := k.NotifyBlocked(make(chan amqp.Blocking, 16))
	k.start(func() { k.watch(closed, blocked, c, name) })
	return k, nil
}

// start runs f, which ends when the connection does, in a goroutine that end waits for. It does not
// when the connection has ended.
func (k *conn) start(f func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.lost:
		return false
	default:
		k.wg.Go(f)
		return true
	}
}

// watch notes blocking until the connection ends.
func (k *conn) watch(closed chan *amqp.Error, blocked chan amqp.Blocking, c Config, name string) {
	for {
		select {
		case b, ok := <-blocked:
			switch {
			case !ok:
				blocked = nil
			case b.Active:
				k.blocked.Store(&b.Reason)
				c.Logger.Warn("rabbitmq: the broker takes no messages for now", "connection", name,
					"host", k.host, "reason", b.Reason)
			default:
				k.blocked.Store(nil)
				c.Logger.Info("rabbitmq: the broker takes messages again", "connection",
					name, "host", k.host)
			}
		case err, ok := <-closed:
			if ok {
				k.because(err)
			}
			k.mu.Lock()
			close(k.lost)
			k.mu.Unlock()
			return
		}
	}
}

// because notes why the connection ends, unless that is known.
func (k *conn) because(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cause == nil {
		k.cause = err
	}
}

func (k *conn) why() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cause == nil {
		return errors.New("closed")
	}
	return k.cause
}

// kill ends the connection at once, as a network fault would.
func (k *conn) kill(why error) {
	k.because(why)
	_ = k.raw.Close()
}

// end closes the connection with a goodbye, if the broker listens, and waits for everything that
// lives on it.
func (k *conn) end() {
	if k.blocked.Load() != nil {
		k.kill(errors.New("closed while the broker took no messages"))
	}
	cut := time.AfterFunc(closeGrace, func() { _ = k.raw.Close() })
	_ = k.Close() // closed all the same, or it was before
	cut.Stop()
	<-k.lost
	k.wg.Wait()
}

// vital opens a channel that the connection cannot do without: when it ends, the connection does.
func (k *conn) vital() (*amqp.Channel, error) {
	ch, err := k.Channel()
	if err != nil {
		return nil, err
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if !k.start(func() {
		if err, ok := <-closed; ok {
			k.kill(err)
		}
	}) {
		return nil, errLost
	}
	return ch, nil
}

// within ends the connection if what is done before the returned function is called takes longer
// than ctx.
func (k *conn) within(ctx context.Context) (done func() error) {
	stop := context.AfterFunc(ctx, func() { k.kill(context.Cause(ctx)) })
	return func() error {
		if !stop() {
			return context.Cause(ctx)
		}
		return nil
	}
}

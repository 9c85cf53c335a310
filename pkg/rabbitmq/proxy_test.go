package rabbitmq_test

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is a network in front of the broker that can fail.
type proxy struct {
	url      string // of the broker through the proxy
	listener net.Listener
	target   string

	mu     sync.Mutex
	links  map[*link]struct{}
	closed bool // takes no connections
	in     gate // to the broker
	out    gate // from it
	wg     sync.WaitGroup
}

// gate lets bytes through while it is open.
type gate struct{ open chan struct{} }

func openGate() gate {
	g := gate{make(chan struct{})}
	close(g.open)
	return g
}

// newProxy stands in front of the broker of an amqp URL until the test ends.
func newProxy(t testing.TB, amqpURL string) *proxy {
	u, err := url.Parse(amqpURL)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, target: u.Host, links: map[*link]struct{}{}, in: openGate(),
		out: openGate()}
	u.Host = l.Addr().String()
	p.url = u.String()
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.wg.Wait()
	})
	return p
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	once           sync.Once
	broken         chan struct{}
}

func (l *link) cut() {
	l.once.Do(func() {
		_, _ = l.client.Close(), l.server.Close()
		close(l.broken)
	})
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server, broken: make(chan struct{})}
		p.mu.Lock()
		p.links[l] = struct{}{}
		if p.closed {
			l.cut()
		}
		p.wg.Go(func() { p.pipe(l, server, client, &p.in) })
		p.wg.Go(func() { p.pipe(l, client, server, &p.out) })
		p.mu.Unlock()
	}
}

func (p *proxy) pipe(l *link, to, from net.Conn, g *gate) {
	defer func() {
		l.cut()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !p.pass(l, g) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pass waits until the gate is open, or tells that the connection broke.
func (p *proxy) pass(l *link, g *gate) bool {
	for {
		p.mu.Lock()
		open := g.open
		p.mu.Unlock()
		select {
		case <-l.broken:
			return false
		case <-open:
		}
		p.mu.Lock()
		still := g.open == open
		p.mu.Unlock()
		if still {
			return true
		}
	}
}

// Stall holds back what the broker says; StallIn what the client says.
func (p *proxy) Stall()   { p.shut(&p.out) }
func (p *proxy) StallIn() { p.shut(&p.in) }

func (p *proxy) shut(g *gate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-g.open:
		g.open = make(chan struct{})
	default:
	}
}

// Flow lets everything through again.
func (p *proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range []*gate{&p.in, &p.out} {
		select {
		case <-g.open:
		default:
			close(g.open)
		}
	}
}

// Refuse breaks new connections at once, or does not any more.
func (p *proxy) Refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = yes
}

// Cut breaks every connection; what was held back is lost. New ones flow.
func (p *proxy) Cut() {
	p.mu.Lock()
	for l := range p.links {
		l.cut()
	}
	p.mu.Unlock()
	p.Flow()
}

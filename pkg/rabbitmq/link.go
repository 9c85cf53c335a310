package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// link keeps one connection, and the session that is set up on it, for ever: lost, it connects
// again.
type link[S any] struct {
	name  string
	cfg   Config
	setUp func(*conn) (S, error)
	up    func(S) // called when get gives a new session; may be nil

	mu      sync.Mutex
	conn    *conn // nil: away
	session S
	away    error         // why
	changed chan struct{} // closed and replaced when one of the above changes
}

func newLink[S any](name string, c Config, setUp func(*conn) (S, error)) *link[S] {
	return &link[S]{name: name, cfg: c, setUp: setUp, away: errors.New("not connected yet"),
		changed: make(chan struct{})}
}

// get gives the session, or says why there is none.
func (l *link[S]) get() (S, *conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return l.session, nil, fmt.Errorf("%s connection: %w", l.name, l.away)
	}
	return l.session, l.conn, nil
}

func (l *link[S]) set(s S, c *conn, away error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session, l.conn, l.away = s, c, away
	close(l.changed)
	l.changed = make(chan struct{})
}

// ready waits for the first session. It fails when ctx ends, and at once when trying again would
// not help.
func (l *link[S]) ready(ctx context.Context) error {
	for {
		l.mu.Lock()
		up, away, changed := l.conn != nil, l.away, l.changed
		l.mu.Unlock()
		if up {
			return nil
		}
		if _, ok := errors.AsType[mismatch](away); ok {
			return away
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s connection: %w", l.name, away)
		}
	}
}

// run connects and connects again until ctx ends.
func (l *link[S]) run(ctx context.Context) {
	var none S
	node := int(l.cfg.Rand() * float64(len(l.cfg.URLs))) // processes spread over the nodes
	for failures := 0; ctx.Err() == nil; {
		s, c, err := l.connect(ctx, l.cfg.URLs[node%len(l.cfg.URLs)])
		node++
		if err == nil {
			since := time.Now()
			l.set(s, c, nil)
			l.cfg.Logger.Info("rabbitmq: connected", "connection", l.name, "host", c.host)
			if l.up != nil {
				l.up(s)
			}
			select {
			case <-c.lost:
			case <-ctx.Done():
				c.because(errors.New("closed"))
			}
			err = c.why()
			l.set(none, nil, err)
			c.end()
			// else it fails as soon as it is up, and haste would not help
			if time.Since(since) > l.cfg.MaxBackoff {
				failures = 0
			}
			if ctx.Err() == nil {
				l.cfg.Logger.Warn("rabbitmq: connection lost", "connection", l.name, "host",
					c.host, "error", err)
			}
		} else {
			l.set(none, nil, err)
		}
		if ctx.Err() != nil {
			return
		}
		pause := l.cfg.backoff(failures)
		failures++
		l.cfg.Logger.Warn("rabbitmq: waiting to connect again", "connection", l.name, "in",
			pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (l *link[S]) connect(ctx context.Context, url string) (s S, c *conn, err error) {
	if c, err = dial(ctx, l.cfg, l.name, url); err != nil {
		return s, nil, err
	}
	limit, cancel := context.WithTimeout(ctx, l.cfg.DialTimeout)
	defer cancel()
	done := c.within(limit)
	s, err = l.setUp(c)
	if late := done(); late != nil {
		err = fmt.Errorf("set up: %w", late)
	}
	if err != nil {
		c.because(err)
		c.end()
	}
	return s, c, err
}

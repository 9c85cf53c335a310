package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/plenary-live/plenary/pkg/life"
)

// operatorConnections is how many connections operators may have at once; more wait.
const operatorConnections = 64

// stopTimeout is how long an operator's request may hold up a stop.
const stopTimeout = 2 * time.Second

// Operators is a life.Service that serves what operators ask a process: whether it lives, whether
// it works and else what is away, and its metrics. It has a listener of its own. So nobody else is
// told these things, and it answers however busy the process's others are.
type Operators struct {
	net.Addr        // after Start
	setting  string // that gives addr
	addr     string
	server   *http.Server
	served   chan struct{} // closed when the server has ended; only after Start

	mu      sync.Mutex
	err     error // of the server, once served is closed
	stopped bool
}

// Operators makes what serves on addr, which is that of a setting. It gives nil, which serves
// nothing, where addr is empty. ready says what else than an adapter keeps the process from
// its work; nil: nothing.
func (b *Backend) Operators(setting, addr string, ready func() error) *Operators {
	if addr == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, told{Status: "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if away := b.Away(ctx); len(away) > 0 {
			say(w, http.StatusServiceUnavailable, told{"away", away, b.Degraded()})
		} else if err := ready(); err != nil {
			say(w, http.StatusServiceUnavailable, told{err.Error(), nil, b.Degraded()})
		} else {
			say(w, http.StatusOK, told{"ready", nil, b.Degraded()})
		}
	})
	mux.Handle("GET /metrics", b.metrics.Handler())
	return &Operators{setting: setting, addr: addr, served: make(chan struct{}),
		server: &http.Server{
			Handler: mux, MaxHeaderBytes: 16 << 10,
			ErrorLog:    slog.NewLogLogger(b.logger.Handler(), slog.LevelDebug),
			ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
			IdleTimeout: 15 * time.Second,
		}}
}

// Start listens and serves. nil has nothing to start.
func (o *Operators) Start() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.stopped:
		return life.ErrStopped
	case o.Addr != nil:
		return life.ErrStarted
	}
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("%s: %w", o.setting, err)
	}
	o.Addr = ln.Addr()
	go func() {
		defer close(o.served)
		err := o.server.Serve(netutil.LimitListener(ln, operatorConnections))
		if !errors.Is(err, http.ErrServerClosed) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.err = err
		}
	}()
	return nil
}

// Stop answers what was asked, for at most 2 s, and cuts off the rest. nil has nothing to stop. The
// error is the server's, if it has ended by itself.
func (o *Operators) Stop(ctx context.Context) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	o.stopped = true
	started := o.Addr != nil
	o.mu.Unlock()
	if !started {
		return nil
	}
	stopping, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if o.server.Shutdown(stopping) != nil { // somebody reads slowly
		_ = o.server.Close()
	}
	<-o.served
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// told is what operators are told of a process.
type told struct {
	Status   string   `json:"status"`
	Away     []string `json:"away,omitempty"`     // what it cannot work without
	Degraded []string `json:"degraded,omitempty"` // what it does without
}

func say(w http.ResponseWriter, code int, t told) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(t) // the client may be gone; nobody else cares
}

package backend

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// operatorConnections is how many connections operators may have at once; more wait.
const operatorConnections = 64

// stopTimeout is how long an operator's request may hold up a stop.
const stopTimeout = 2 * time.Second

// Operators serves what operators ask a process: whether it lives, whether it works and else what is away, and its metrics. It has a
// listener of its own, so that nobody else is told these things, and so that it answers however busy the process's others are.
type Operators struct {
	net.Addr
	server *http.Server
	served chan error
}

// ServeOperators begins to serve on addr. ready says what else than an adapter keeps the process from its work; nil: nothing.
func (b *Backend) ServeOperators(addr string, ready func() error) (*Operators, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok", nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if away := b.Away(ctx); len(away) > 0 {
			say(w, http.StatusServiceUnavailable, "away", away)
		} else if err := ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error(), nil)
		} else {
			say(w, http.StatusOK, "ready", nil)
		}
	})
	mux.Handle("GET /metrics", b.metrics.Handler())
	o := &Operators{Addr: ln.Addr(), served: make(chan error, 1), server: &http.Server{
		Handler: mux, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(b.logger.Handler(), slog.LevelDebug),
		ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 15 * time.Second,
	}}
	go func() { o.served <- o.server.Serve(netutil.LimitListener(ln, operatorConnections)) }()
	return o, nil
}

// Close answers what was asked, for at most 2 s. nil has nothing to close.
func (o *Operators) Close() error {
	if o == nil {
		return nil
	}
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if o.server.Shutdown(stopping) != nil { // somebody reads slowly
		_ = o.server.Close()
	}
	if err := <-o.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func say(w http.ResponseWriter, code int, status string, away []string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone; nobody else cares
		Status string   `json:"status"`
		Away   []string `json:"away,omitempty"`
	}{status, away})
}

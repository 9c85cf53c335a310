package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/count"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// health serves what operators ask a worker.
type health struct {
	*http.Server
	adapters *backend.Backend
	counter  atomic.Pointer[count.Counter]
}

func newHealth(adapters *backend.Backend, metrics *telemetry.Metrics) *health {
	h := &health{adapters: adapters}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok", nil) })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", metrics.Handler())
	h.Server = &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	return h
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	away := h.adapters.Away(ctx)
	counter := h.counter.Load()
	switch {
	case len(away) > 0:
		say(w, http.StatusServiceUnavailable, "away", away)
	case counter == nil || counter.Ready() != nil:
		say(w, http.StatusServiceUnavailable, "not reading every partition", nil)
	default:
		say(w, http.StatusOK, "ready", nil)
	}
}

func say(w http.ResponseWriter, code int, status string, away []string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone; nobody else cares
		Status string   `json:"status"`
		Away   []string `json:"away,omitempty"`
	}{status, away})
}

package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Record keeps what was asked and how it was answered.
type Record struct {
	AccessLog bool
	Logger    *slog.Logger
	// Observe is told of every answered request; route is the pattern.
	Observe func(method, route string, status int, took time.Duration)
}

// Access logs an answered request.
func (r *Record) Access(
	method, path string, status int, took time.Duration, id string, client netip.Addr,
) {
	level := slog.LevelInfo
	if status == StatusAborted {
		level = slog.LevelDebug
	}
	r.Logger.LogAttrs(context.Background(), level, "request",
		slog.String("method", method), slog.String("path", path), slog.Int("status", status),
		slog.Duration("took", took), slog.String("request_id", id),
		slog.String("ip", AddressText(client)))
}

// Failure logs an error that is not its client's.
func (r *Record) Failure(method, path, id string, status int, err error) {
	if status < StatusAborted {
		return
	}
	level := slog.LevelWarn
	switch status {
	case StatusAborted:
		level = slog.LevelDebug
	case http.StatusInternalServerError:
		level = slog.LevelError
	}
	r.Logger.Log(context.Background(), level, "request failed", "method", method, "path", path,
		"status", status, "request_id", id, "error", err)
}

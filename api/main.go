// Command api serves Plenary's HTTP API. Without settings it is the whole product: it keeps
// everything in a file and counts the votes itself.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/docs"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/page"
	"github.com/plenary-live/plenary/api/internal/qr"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func main() {
	addr := func(c config.Config) string { return cmp.Or(c.MetricsAddr, c.Addr) }
	os.Exit(backend.Main("api", addr,
		func(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
			return run(ctx, cfg, logger, os.Stdout)
		},
		backend.Recount(os.Stdout),
		accountCommand, // feature: account
	))
}

// run serves until ctx ends.
func run(ctx context.Context, cfg config.Config, logger *slog.Logger, out io.Writer) error {
	adapters, process, failed, err := newProcess(cfg, logger, out)
	if err != nil {
		return err
	}
	return adapters.Run(ctx, process, failed)
}

// newProcess makes the process, and gives what tells when it fails by itself. It stops in the order
// that a vote flows: no more connections, every request answered, everything accepted counted or in
// the log, adapters closed.
func newProcess(cfg config.Config, logger *slog.Logger, out io.Writer) (
	adapters *backend.Backend, process life.Service, failed <-chan error, err error,
) {
	pages, err := page.New(cfg.PublicURL, cfg.CreateKey != "", cfg.EmbedOrigins...)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("pages: %w", err)
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("PLENARY_ADDR: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ln.Close())
		}
	}()
	if cfg.Open {
		logger.Warn(
			"PLENARY_OPEN: everybody who reaches this address is the presenter of every "+
				"presentation", "addr", ln.Addr().String())
	}
	metrics := telemetry.NewMetrics()
	adapters = backend.New(cfg, metrics, logger)
	limits, err := adapters.Limits()
	if err != nil {
		return nil, nil, nil, err
	}
	costly := budget.Costly()
	proxies := web.Proxies(cfg.TrustedProxies)
	site := web.New(web.Config{
		Record: web.Record{AccessLog: cfg.AccessLog, Logger: logger, Observe: metrics.Request},
		Root:   cfg.Root(), Origins: cfg.CORSOrigins, TrustedProxies: proxies, Costly: costly,
		Limits: bodyLimits(), Counter: limits,
	})
	all := &ground{
		Config: cfg, Logger: logger, Metrics: metrics, Adapters: adapters, Site: site,
		Pages: pages, Door: web.NewDoor(cfg.CreateKey),
		Serving: httpserver.Config{Away: adapters.Away, About: about(adapters)},
	}
	opened, err := all.wire()
	if err != nil {
		return nil, nil, nil, err
	}
	listener := httpserver.NewListener(ln, cfg.MaxConnections, cfg.DatabaseConns, logger)
	listener.Share(cfg.AddressConns, proxies)
	server := httpserver.New(site, all.Serving, all.features...).On(listener)
	for _, mount := range []func(fiber.Router){docs.Mount(cfg.Root()),
		qr.Mount(cfg.PublicURL, proxies.Believe, costly), pages.Routes} {
		mount(site.App)
	}
	if err := site.CheckRoot(); err != nil {
		return nil, nil, nil, fmt.Errorf("PLENARY_PUBLIC_URL: %w", err)
	}
	open := func(ctx context.Context) (life.Service, error) {
		passes, err := adapters.Passes(ctx)
		if err != nil {
			return nil, err
		}
		all.Passes = passes
		all.Hub = live.New(site.Streaming, live.Config{Bus: adapters.Bus, Logger: logger})
		services, err := opened(ctx)
		if err != nil {
			return nil, err
		}
		running := life.InOrder(append(services, all.Hub, site)...)
		if err := running.Start(); err != nil {
			return nil, err
		}
		measure(metrics, all.Hub, server)
		greet(out, cfg, ln.Addr())
		logger.Info("ready", "addr", ln.Addr().String())
		return running, nil
	}
	late := func(err error) {
		logger.Warn("not every connection ended in time; the rest is cut", "error", err)
	}
	return adapters, life.InOrder(
		// who answer during the stop
		adapters.Operators("PLENARY_METRICS_ADDR", cfg.MetricsAddr, server.Ready),
		limits,
		adapters.Under(open),
		life.Within(0.75, server, late),
	), server.Failed(), nil
}

// measure has operators told of connections and streams.
func measure(metrics *telemetry.Metrics, hub *live.Hub, server *httpserver.Server) {
	metrics.Gauge("plenary_event_streams", "Event streams that are open.",
		func() float64 { open, _, _ := hub.Streams(); return float64(open) })
	metrics.Counter("plenary_events_sent_total", "Events written to event streams.",
		func() float64 { _, sent, _ := hub.Streams(); return float64(sent) })
	metrics.Counter("plenary_event_streams_cut_total",
		"Event streams that were cut off because their client was too slow.",
		func() float64 { _, _, cut := hub.Streams(); return float64(cut) })
	metrics.Counter("plenary_connections_spared_total",
		"Connections that gave way to others when there were as many as there may be.",
		func() float64 { return float64(server.Spared()) })
}

// greet prints what somebody at a terminal looks for: one line, and a second one where the first is
// of no use to phones.
func greet(out io.Writer, cfg config.Config, addr net.Addr) {
	host, port, _ := net.SplitHostPort(addr.String())
	phones := ""
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if near := ownAddress(); near != "" && cfg.PublicURL == "" && len(cfg.AMQPURLs) == 0 {
			phones = fmt.Sprintf(
				"Phones in the same network reach it at http://%s: open the pages there, too, "+
					"and their QR codes lead there.\n",
				net.JoinHostPort(near, port))
		}
	}
	where := "its database"
	if path, ok := cfg.SQLitePath(); ok {
		where = path
	}
	fmt.Fprintf(
		out, "Plenary is at http://%s%s and keeps its votes in %s. Stop it with Ctrl-C.\n%s",
		net.JoinHostPort(host, port), web.Base, where, phones)
}

// ownAddress gives the address that this machine has towards others; empty: it has no way to any.
// Nothing is sent: to connect a socket of UDP only asks for the way. Nobody has the address that it
// asks for (RFC 5737).
func ownAddress() string {
	conn, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	own, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || !own.IP.IsGlobalUnicast() {
		return ""
	}
	return own.IP.String()
}

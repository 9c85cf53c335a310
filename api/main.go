// Command api serves Plenary's HTTP API. Without settings it is the whole product: it keeps everything in a file and
// counts the votes itself.
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
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/docs"
	"github.com/plenary-live/plenary/api/internal/page"
	"github.com/plenary-live/plenary/api/internal/polls"
	"github.com/plenary-live/plenary/api/internal/qr"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func main() {
	addr := func(c config.Config) string { return cmp.Or(c.MetricsAddr, c.Addr) }
	os.Exit(backend.Main("api", addr, func(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
		return run(ctx, cfg, logger, os.Stdout)
	}))
}

// run serves until ctx ends, and then stops in the order that a vote flows: no more connections, every request
// answered, everything accepted counted or in the log, adapters closed.
func run(ctx context.Context, cfg config.Config, logger *slog.Logger, out io.Writer) (err error) {
	pages, err := page.New(cfg.PublicURL, cfg.CreateKey != "", cfg.EmbedOrigins...)
	if err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("PLENARY_ADDR: %w", err)
	}
	if cfg.Open {
		logger.Warn("PLENARY_OPEN: everybody who reaches this address is the presenter of every presentation", "addr", ln.Addr().String())
	}
	metrics := telemetry.NewMetrics()
	adapters := backend.New(cfg, metrics, logger)
	costly := budget.Costly()
	proxies := web.Proxies(cfg.TrustedProxies)
	site := web.New(web.Config{
		Record: web.Record{AccessLog: cfg.AccessLog, Logger: logger, Observe: metrics.Request},
		Root:   cfg.Root(), Origins: cfg.CORSOrigins, TrustedProxies: proxies, Costly: costly,
		Limits: polls.BodyLimits,
	})
	feature := polls.New(site, polls.Config{
		Partitions: cfg.Partitions,
		Open:       cfg.Open, CreateLimit: cfg.CreateLimit, CreateKey: cfg.CreateKey, WrongCodes: cfg.WrongCodes, PassLimit: cfg.PassLimit,
	})
	serving := httpserver.Config{Away: adapters.Away}
	if cfg.FastVotes {
		serving.Fast = feature.Votes.Take
	} else {
		logger.Info("PLENARY_FAST_VOTES is false: every vote goes the way of all requests")
	}
	server := httpserver.New(site, serving, feature)
	for _, mount := range []func(fiber.Router){docs.Mount(cfg.Root()),
		qr.Mount(cfg.PublicURL, proxies.Believe, costly), pages.Routes} {
		mount(site.App)
	}
	if err := site.CheckRoot(); err != nil {
		return errors.Join(fmt.Errorf("PLENARY_PUBLIC_URL: %w", err), ln.Close())
	}
	var operators *backend.Operators
	if cfg.MetricsAddr != "" {
		operators = adapters.Operators(cfg.MetricsAddr, server.Ready)
		if err = operators.Start(); err != nil {
			return errors.Join(fmt.Errorf("PLENARY_METRICS_ADDR: %w", err), ln.Close())
		}
	}
	// The last one to end: it answers during the stop.
	defer func() { err = errors.Join(err, operators.Stop(context.Background())) }()
	listener := httpserver.NewListener(ln, cfg.MaxConnections, cfg.DatabaseConns, logger)
	listener.Share(cfg.AddressConns, proxies)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	// stopServing answers what was read. It has three quarters of the time: what follows needs the rest.
	stopServing := func() error {
		stopping, cancel := context.WithTimeout(context.Background(), cfg.StopTimeout*3/4)
		defer cancel()
		closeErr := listener.Close() // Shutdown misses a server that is just beginning to serve
		if err := server.Shutdown(stopping); err != nil {
			logger.Warn("not every connection ended in time; the rest is cut", "error", err)
		}
		return errors.Join(closeErr, <-served)
	}

	var passes *access.Passes
	if err = adapters.Open(ctx); err == nil {
		passes, err = adapters.Passes(ctx)
	}
	if err != nil {
		stopErr := errors.Join(stopServing(), adapters.Close())
		if ctx.Err() != nil { // asked to stop while waiting
			return stopErr
		}
		return errors.Join(err, stopErr)
	}
	metrics.Gauge("plenary_event_streams", "Event streams that are open.",
		func() float64 { open, _, _ := feature.Streams(); return float64(open) })
	metrics.Counter("plenary_events_sent_total", "Events written to event streams.",
		func() float64 { _, sent, _ := feature.Streams(); return float64(sent) })
	metrics.Counter("plenary_event_streams_cut_total", "Event streams that were cut off because their client was too slow.",
		func() float64 { _, _, cut := feature.Streams(); return float64(cut) })
	metrics.Counter("plenary_connections_spared_total", "Connections that gave way to others when there were as many as there may be.",
		func() float64 { return float64(server.Spared()) })
	p := start(cfg, adapters, passes, metrics, logger)
	context.AfterFunc(ctx, site.Stop) // a stop does not wait for the bus
	feature.Start(p.services)
	server.Start()
	greet(out, cfg, ln.Addr())
	logger.Info("ready", "addr", ln.Addr().String())

	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-served:
		served <- nil
	}
	stopping, cancel := context.WithTimeout(context.Background(), cfg.StopTimeout)
	defer cancel()
	err = errors.Join(err, stopServing())
	stopped := make(chan error, 1)
	go func() {
		server.Close()
		stopped <- p.stop(stopping, adapters)
	}()
	select {
	case stopErr := <-stopped:
		return errors.Join(err, stopErr)
	case <-stopping.Done():
		return errors.Join(err, fmt.Errorf("not stopped within %s", cfg.StopTimeout))
	}
}

// parts is what runs between the server and the adapters.
type parts struct {
	services     polls.Services
	stopCounting context.CancelFunc
	counting     sync.WaitGroup
	stopCaching  context.CancelFunc
	caching      sync.WaitGroup
}

func start(cfg config.Config, adapters *backend.Backend, passes *access.Passes, metrics *telemetry.Metrics, logger *slog.Logger) *parts {
	p := &parts{}
	cache := stage.NewCache(adapters.Store, time.Now)
	p.services = polls.Services{
		Store: adapters.Store,
		Cache: cache,
		Stage: stage.New(adapters.Store, adapters.Bus, adapters.Votes, cache, logger),
		Intake: intake.New(
			cache, passes, adapters.Votes, adapters.Partitions, cfg.MaxWaiting, time.Now),
		Bus:    adapters.Bus,
		Passes: passes,
	}
	metrics.Gauge("plenary_waiting_votes", "Votes that wait for their answer.",
		func() float64 { return float64(p.services.Intake.Waiting()) })

	caching, stopCaching := context.WithCancel(context.Background())
	p.stopCaching = stopCaching
	p.caching.Go(func() { cache.Forget(caching) })

	counting, stopCounting := context.WithCancel(context.Background())
	p.stopCounting = stopCounting
	if adapters.Embedded() {
		keep := time.Duration(cfg.KeepDays) * 24 * time.Hour
		votes := poll.NewCounting(
			adapters.Store, adapters.Engine, adapters.Votes, adapters.Partitions,
			adapters.Bus, keep, logger)
		p.counting.Go(func() { votes.Run(counting) })
	}
	return p
}

// stop is called when no request uses the services any more. What has left the slide is sealed in half of the time that is
// left; the rest is for what follows.
func (p *parts) stop(ctx context.Context, adapters *backend.Backend) error {
	deadline, _ := ctx.Deadline()
	sealing, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	err := p.services.Stage.Stop(sealing)
	p.services.Intake.Close()
	p.stopCounting()
	p.counting.Wait()
	p.stopCaching()
	p.caching.Wait()
	p.services.Cache.Close()
	err = errors.Join(err, adapters.CloseQueue())
	p.services.Intake.Wait()
	return errors.Join(err, adapters.Close())
}

// greet prints what somebody at a terminal looks for: one line, and a second one where the first is of no use to phones.
func greet(out io.Writer, cfg config.Config, addr net.Addr) {
	host, port, _ := net.SplitHostPort(addr.String())
	phones := ""
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if near := ownAddress(); near != "" && cfg.PublicURL == "" && len(cfg.AMQPURLs) == 0 {
			phones = fmt.Sprintf("Phones in the same network reach it at http://%s: open the pages there, too, and their QR codes lead there.\n",
				net.JoinHostPort(near, port))
		}
	}
	where := "its database"
	if path, ok := cfg.SQLitePath(); ok {
		where = path
	}
	fmt.Fprintf(out, "Plenary is at http://%s%s and keeps its votes in %s. Stop it with Ctrl-C.\n%s",
		net.JoinHostPort(host, port), web.Base, where, phones)
}

// ownAddress gives the address that this machine has towards others; empty: it has no way to any. Nothing is sent: to connect a
// socket of UDP only asks for the way. Nobody has the address that it asks for (RFC 5737).
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

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
	"slices"
	"strings" // feature: account
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/accounts"
	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/docs"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/page"
	"github.com/plenary-live/plenary/api/internal/polls"
	"github.com/plenary-live/plenary/api/internal/qr"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/talks"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func main() {
	addr := func(c config.Config) string { return cmp.Or(c.MetricsAddr, c.Addr) }
	os.Exit(backend.Main("api", addr,
		func(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
			return run(ctx, cfg, logger, os.Stdout)
		}, backend.Recount(os.Stdout),
		backend.Command{ // feature: account
			Name: "account", Usage: account.Usage, // feature: account
			Run: onDatabase(func( // feature: account
				ctx context.Context, b *backend.Backend, site string, // feature: account
				args []string, // feature: account
			) (bool, error) { // feature: account
				return account.Command(ctx, b.Accounts, site, args, os.Stdout) // feature: account
			}), // feature: account
		}, // feature: account
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
	if err := pages.Offer(cfg.OIDC.Issuer); err != nil { // feature: account
		return nil, nil, nil, fmt.Errorf("PLENARY_OIDC_ISSUER: %w", err) // feature: account
	} // feature: account
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("PLENARY_ADDR: %w", err)
	}
	if cfg.Open {
		logger.Warn(
			"PLENARY_OPEN: everybody who reaches this address is the presenter of every "+
				"presentation", "addr", ln.Addr().String())
	}
	metrics := telemetry.NewMetrics()
	adapters = backend.New(cfg, metrics, logger)
	limits, err := adapters.Limits()
	if err != nil {
		return nil, nil, nil, errors.Join(err, ln.Close())
	}
	costly := budget.Costly()
	proxies := web.Proxies(cfg.TrustedProxies)
	bodies := slices.Clone(polls.BodyLimits)
	bodies = append(bodies, talks.BodyLimits...)    // feature: talk
	bodies = append(bodies, accounts.BodyLimits...) // feature: account
	site := web.New(web.Config{
		Record: web.Record{AccessLog: cfg.AccessLog, Logger: logger, Observe: metrics.Request},
		Root:   cfg.Root(), Origins: cfg.CORSOrigins, TrustedProxies: proxies, Costly: costly,
		Limits: bodies, Counter: limits,
	})
	door := web.NewDoor(cfg.CreateKey)
	feature := polls.New(site, polls.Config{
		Open: cfg.Open, CreateLimit: cfg.CreateLimit, Door: door,
		WrongCodes: cfg.WrongCodes, PassLimit: cfg.PassLimit,
	})
	features := []httpserver.Feature{feature}
	rated := talks.New(site, talks.Config{ // feature: talk
		Open: cfg.Open, CreateLimit: cfg.CreateLimit, // feature: talk
		PassLimit: cfg.PassLimit, Door: door, // feature: talk
	}) // feature: talk
	features = append(features, rated)            // feature: talk
	people := accounts.New(site, accounts.Config{ // feature: account
		TokenTTL:       cfg.TokenTTL,       // feature: account
		RegisterLimit:  cfg.RegisterLimit,  // feature: account
		WrongPasswords: cfg.WrongPasswords, // feature: account
		MailLimit:      cfg.Mail.Limit,     // feature: account

		Secure: strings.HasPrefix(cfg.PublicURL, "https://"), // feature: account
	}) // feature: account
	features = append(features, people) // feature: account
	serving := httpserver.Config{Away: adapters.Away, About: about(adapters)}
	if cfg.FastVotes {
		serving.Fast = feature.Votes.Take
	} else {
		logger.Info("PLENARY_FAST_VOTES is false: every vote goes the way of all requests")
	}
	listener := httpserver.NewListener(ln, cfg.MaxConnections, cfg.DatabaseConns, logger)
	listener.Share(cfg.AddressConns, proxies)
	server := httpserver.New(site, serving, features...).On(listener)
	for _, mount := range []func(fiber.Router){docs.Mount(cfg.Root()),
		qr.Mount(cfg.PublicURL, proxies.Believe, costly), pages.Routes} {
		mount(site.App)
	}
	if err := site.CheckRoot(); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("PLENARY_PUBLIC_URL: %w", err), ln.Close())
	}
	open := func(ctx context.Context) (life.Service, error) {
		passes, err := adapters.Passes(ctx)
		if err != nil {
			return nil, err
		}
		key, err := adapters.SessionKey(ctx) // feature: account
		letters := adapters.Letters()        // feature: account
		if err == nil {                      // feature: account
			err = people.With(accounts.Services{ // feature: account
				Store: adapters.Accounts, Key: key, Letters: letters, // feature: account
				Provider: adapters.Provider(), // feature: account
			}) // feature: account
		} // feature: account
		if err != nil { // feature: account
			return nil, err // feature: account
		} // feature: account
		hub := live.New(site.Streaming, live.Config{Bus: adapters.Bus, Logger: logger})
		services := []life.Service{parts(cfg, adapters, passes, feature, hub, metrics, logger)}
		spine := adapters.Spine(talk.Stream)                            // feature: talk
		rating := talk.NewService(adapters.Talks, passes, spine)        // feature: talk
		routes := rated.With(talks.Services{Service: rating, Hub: hub}) // feature: talk
		services = append(services, rating, routes)                     // feature: talk
		if letters != nil {                                             // feature: account
			late := func(err error) { // feature: account
				logger.Warn("not every letter was sent", "error", err) // feature: account
			} // feature: account
			// they stop when the votes have what they need of the time // feature: account
			services = slices.Insert(services, 0, // feature: account
				life.Within(0.5, letters, late)) // feature: account
		} // feature: account
		all := life.InOrder(append(services, hub, site)...)
		if err := all.Start(); err != nil {
			return nil, err
		}
		measure(metrics, feature, server)
		greet(out, cfg, ln.Addr())
		logger.Info("ready", "addr", ln.Addr().String())
		return all, nil
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

// parts is what runs between the site and the adapters.
func parts(
	cfg config.Config, adapters *backend.Backend, passes *access.Passes, feature *polls.Polls,
	hub *live.Hub, metrics *telemetry.Metrics, logger *slog.Logger,
) life.Service {
	cache := stage.NewCache(adapters.Store, time.Now)
	s := polls.Services{
		Store: adapters.Store,
		Cache: cache,
		Stage: stage.New(adapters.Store, adapters.Bus, adapters.Votes, cache, logger),
		Intake: intake.New(
			cache, passes, adapters.Votes, adapters.Partitions, cfg.MaxWaiting, time.Now),
		Bus:    adapters.Bus,
		Passes: passes,
		Hub:    hub,
		Spread: adapters.Spread,
	}
	metrics.Gauge("plenary_waiting_votes", "Votes that wait for their answer.",
		func() float64 { return float64(s.Intake.Waiting()) })
	counting := life.InOrder()
	if adapters.Embedded() {
		keep := time.Duration(cfg.KeepDays) * 24 * time.Hour
		votes := poll.NewCounting(
			adapters.Store, adapters.Engine, adapters.Votes, adapters.Partitions, adapters.Bus,
			keep, logger)
		counting = life.InOrder(votes, adapters.Workers())
	}
	late := func(err error) { logger.Warn("not everything is sealed", "error", err) }
	return life.InOrder(cache, counting, s.Intake, life.Within(0.5, s.Stage, late),
		feature.With(s))
}

// measure has operators told of connections and streams.
func measure(metrics *telemetry.Metrics, feature *polls.Polls, server *httpserver.Server) {
	metrics.Gauge("plenary_event_streams", "Event streams that are open.",
		func() float64 { open, _, _ := feature.Streams(); return float64(open) })
	metrics.Counter("plenary_events_sent_total", "Events written to event streams.",
		func() float64 { _, sent, _ := feature.Streams(); return float64(sent) })
	metrics.Counter("plenary_event_streams_cut_total",
		"Event streams that were cut off because their client was too slow.",
		func() float64 { _, _, cut := feature.Streams(); return float64(cut) })
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

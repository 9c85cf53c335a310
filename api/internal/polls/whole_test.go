package polls

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life"
)

// wholeConfig is what a whole server is made of.
type wholeConfig struct {
	Config
	Root           string
	AccessLog      bool
	FastVotes      bool
	Origins        []string
	Logger         *slog.Logger
	TrustedProxies web.Proxies
	Observe        func(method, route string, status int, took time.Duration)
	Away           func(ctx context.Context) []string
	Mount          []func(fiber.Router)
	Costly         *budget.Turns
}

// whole is a server with the feature and no other.
type whole struct {
	*Polls
	server  *server.Server
	app     *fiber.App
	running life.Service // for the routes; nil before Start
}

func newWhole(cfg wholeConfig) *whole {
	site := web.New(web.Config{
		Record: web.Record{AccessLog: cfg.AccessLog, Logger: cfg.Logger, Observe: cfg.Observe},
		Root:   cfg.Root, Origins: cfg.Origins, TrustedProxies: cfg.TrustedProxies,
		Costly: cfg.Costly, Limits: BodyLimits,
	})
	polls := New(site, cfg.Config)
	serving := server.Config{Away: cfg.Away}
	if cfg.FastVotes {
		serving.Fast = polls.Votes.Take
	}
	s := &whole{Polls: polls, server: server.New(site, serving, polls), app: site.App}
	for _, mount := range cfg.Mount {
		mount(site.App)
	}
	return s
}

func (s *whole) Start(services Services) {
	s.running = s.With(services)
	if err := life.InOrder(s.running, s.Site).Start(); err != nil {
		panic(err)
	}
}

// Serve serves until Shutdown, and gives the error with which serving has ended.
func (s *whole) Serve(ln net.Listener) error {
	if err := s.server.On(ln).Start(); err != nil {
		return err
	}
	return <-s.server.Failed()
}

func (s *whole) Shutdown(ctx context.Context) error { return s.server.Stop(ctx) }

// Close stops what Start has started.
func (s *whole) Close() {
	for _, running := range []life.Service{s.Site, s.running} {
		if running == nil { // it was never started
			return
		}
		if err := running.Stop(context.Background()); err != nil {
			panic(err)
		}
	}
}

func (s *whole) Ready() error  { return s.server.Ready() }
func (s *whole) Spared() int64 { return s.server.Spared() }

func listen(t testing.TB) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// problem is an answer after RFC 9457.
type problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Field     string `json:"field"`
	RequestID string `json:"request_id"`
}

// Streams tells of event streams: how many are open, and how many events were sent on them since
// the start. It tells how many were cut off since then because their client was too slow.
func (s *Polls) Streams() (open, sent, cut int64) {
	if !s.served.Load() {
		return 0, 0, 0
	}
	return s.hub.Streams()
}

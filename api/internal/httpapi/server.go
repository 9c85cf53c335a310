// Package httpapi is Plenary's HTTP face: routes, problem answers, and a server that outlives its limits.
// openapi.yaml is its reference.
package httpapi

import (
	"context"
	_ "embed"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
)

// Base is the path that every call of the API begins with.
const Base = "/api/v1"

// Limits of requests.
const (
	maxBody      = 1 << 20
	maxVoteBody  = 4 << 10
	maxHeader    = 16 << 10
	readTimeout  = 10 * time.Second
	writeTimeout = time.Minute
	// idleTimeout is longer than a proxy keeps a connection to us (15 s in nginx.conf), so that it is the proxy that closes: a request never
	// meets a connection that is just being closed.
	idleTimeout = 2 * time.Minute
	// callTimeout bounds what one request may ask of the store.
	callTimeout = 5 * time.Second
)

//go:embed openapi.yaml
var openAPI []byte

// Config is what a server is made of.
type Config struct {
	Open      bool // everybody is every presentation's presenter
	AccessLog bool
	Logger    *slog.Logger
	Metrics   http.Handler
	// Observe is told of every answered request; route is the pattern.
	Observe func(method, route, status string, took time.Duration)
	// Away names what the process waits for or has lost: "database", "queue". It must answer quickly.
	Away func(ctx context.Context) []string
}

// Services is what the routes work with.
type Services struct {
	Store  poll.Store
	Stage  *stage.Stage
	Cache  *stage.Cache
	Intake *intake.Intake
}

// Server serves from the first moment: health at once, the API from Start on.
type Server struct {
	Config
	app      *fiber.App
	services atomic.Pointer[Services]
	streams  context.Context // of answers that are sent bit by bit; ends when the server stops
	stop     context.CancelFunc
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{Config: cfg}
	s.streams, s.stop = context.WithCancel(context.Background())
	s.app = NewApp(s.fail)
	s.routes()
	return s
}

// NewApp makes the bare Fiber application: the server's settings, no route yet. Exported for the benchmark's no-op.
func NewApp(fail fiber.ErrorHandler) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:               "Plenary",
		BodyLimit:             4 * maxBody, // beyond that the connection is cut; up to it there is a proper answer
		ReadBufferSize:        maxHeader,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
		IdleTimeout:           idleTimeout,
		DisableStartupMessage: true,
		ErrorHandler:          fail,
	})
	app.Server().CloseOnShutdown = true
	return app
}

func (s *Server) routes() {
	s.app.Use(s.observe, recover.New())
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	s.app.Get("/readyz", s.ready)
	s.app.Get("/metrics", adaptor.HTTPHandler(s.Metrics))
	v1 := s.app.Group(Base)
	v1.Get("/ping", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	v1.Get("/openapi.yaml", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(openAPI)
	})
	v1.Post("/presentations", s.with(create))
	v1.Get("/presentations/:id", s.with(getPresentation))
	v1.Get("/join/:code", s.with(join))
	v1.Put("/presentations/:id/polls/current", s.with(putCurrent))
	v1.Delete("/presentations/:id/polls/current", s.with(deleteCurrent))
	v1.Get("/presentations/:id/polls/current", s.with(getCurrent))
	v1.Post("/presentations/:id/polls/current/votes", s.with(postVote))
	v1.Get("/presentations/:id/polls/:poll_id/results", s.with(getResults))
	v1.Get("/presentations/:id/polls/:poll_id/votes", s.with(getVotes))
}

// call is one request with what it works with.
type call struct {
	*fiber.Ctx
	*Services
	server *Server
}

// with gives a route its services, or says that they are not there yet.
func (s *Server) with(route func(*call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		services := s.services.Load()
		if services == nil {
			return poll.Errorf(poll.Unavailable, "starting: waiting for %s", strings.Join(s.away(), " and "))
		}
		return route(&call{c, services, s})
	}
}

// Start gives the routes their services.
func (s *Server) Start(services Services) { s.services.Store(&services) }

// Serve answers requests on ln until Shutdown. It returns nil after Shutdown.
func (s *Server) Serve(ln net.Listener) error { return s.app.Listener(ln) }

// Shutdown accepts no more connections and waits until every request that was read has its answer, or ctx ends. Votes
// lists that are being sent are cut off: they may take a minute each.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	return s.app.ShutdownWithContext(ctx)
}

func (s *Server) away() []string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Away(ctx)
}

func (s *Server) ready(c *fiber.Ctx) error {
	if away := s.away(); len(away) > 0 {
		return poll.Errorf(poll.Unavailable, "away: %s", strings.Join(away, ", "))
	}
	if s.services.Load() == nil {
		return poll.Errorf(poll.Unavailable, "starting")
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

// observe gives every request an id, and logs and measures it when it is answered.
func (s *Server) observe(c *fiber.Ctx) error {
	begun := time.Now()
	id := requestID(c)
	c.Set(fiber.HeaderXRequestID, id)
	if err := c.Next(); err != nil {
		if err = s.fail(c, err); err != nil {
			return err
		}
	}
	took, status := time.Since(begun), c.Response().StatusCode()
	route := c.Route().Path
	if route == "/" {
		route = "unmatched"
	}
	s.Observe(methodName(c.Method()), route, strconv.Itoa(status), took)
	if s.AccessLog {
		s.Logger.LogAttrs(context.Background(), slog.LevelInfo, "request", slog.String("method", c.Method()),
			slog.String("path", c.Path()), slog.Int("status", status), slog.Duration("took", took),
			slog.String("request_id", id), slog.String("ip", clientIP(c)))
	}
	return nil
}

// methodName gives a method's name for keeping: Fiber's own string changes with the next request.
func methodName(method string) string {
	if i := slices.Index(fiber.DefaultMethods, method); i >= 0 {
		return fiber.DefaultMethods[i]
	}
	return "other"
}

// clientIP gives the first address that a proxy passed on, for logs only: anybody may send that header.
func clientIP(c *fiber.Ctx) string {
	if forwarded, _, _ := strings.Cut(c.Get(fiber.HeaderXForwardedFor), ","); forwarded != "" {
		return strings.TrimSpace(forwarded)
	}
	return c.IP()
}

// requestID gives the client's own request id if it is a plain one, else a new one. The answer is a copy: Fiber uses
// its buffers again.
func requestID(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if len(id) == 0 || len(id) > 64 || strings.ContainsFunc(id, notInRequestID) {
		return uuid.NewString()
	}
	return strings.Clone(id)
}

func notInRequestID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// fail answers an error. It is the only place where errors become HTTP.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	if c.GetRespHeader(fiber.HeaderXRequestID) == "" { // refused before any handler ran
		c.Set(fiber.HeaderXRequestID, requestID(c))
	}
	p.RequestID = c.GetRespHeader(fiber.HeaderXRequestID)
	if p.Status >= 500 {
		level := slog.LevelWarn
		if p.Status == fiber.StatusInternalServerError {
			level = slog.LevelError
		}
		s.Logger.Log(context.Background(), level, "request failed", "method", c.Method(), "path", c.Path(),
			"status", p.Status, "request_id", p.RequestID, "error", err)
	}
	return p.send(c)
}

// Package httpapi is Plenary's HTTP face: routes, problem answers, and a server that outlives its limits.
// The package openapi has its reference.
package httpapi

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/api/internal/openapi"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
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
	// drainTime is how long a server that stops goes on answering on the connections that it has. Each answer then says that
	// its connection closes; who asks nothing in that time is closed without a word.
	drainTime = time.Second
)

var (
	headerRequestID = []byte("X-Request-Id") // canonical: nothing to normalize for every answer
	headerSniffing  = []byte(fiber.HeaderXContentTypeOptions)
	noSniffing      = []byte("nosniff") // an answer holds what people wrote: no browser may take it for a page
	headerVoteID    = []byte("X-Vote-Id")

	headerSuperseded = []byte("Vote-Superseded") // a later vote of the same voter stands
	superseded       = []byte("true")
)

// Config is what a server is made of.
type Config struct {
	Open bool // everybody is every presentation's presenter

	CreateLimit int    // presentations that one address may create in a minute; 0: any number
	CreateKey   string // that creating one takes; empty: nothing
	WrongCodes  int    // wrong join codes that one address may try in a minute; 0: any number

	Root      string // path of the public address, such as "/polls"; empty: it has none
	AccessLog bool
	PassLimit int      // passes of one presentation that an address gets in a minute; 0: any number
	Origins   []string // of pages that may use the API beside its own; "*": all
	Logger    *slog.Logger
	// TrustedProxies may say for whom they ask.
	TrustedProxies Proxies
	// Observe is told of every answered request; route is the pattern.
	Observe func(method, route string, status int, took time.Duration)
	// Away names what the process waits for or has lost: "database", "queue". It must answer quickly.
	Away func(ctx context.Context) []string
	// Mount are told where to put what is served beside the API: pages, their files. Errors become problems.
	Mount []func(fiber.Router)
	// Costly gives turns at what keeps a processor busy, here and where Mount leads. nil: turns of the server's own.
	Costly *budget.Turns
}

// Services is what the routes work with.
type Services struct {
	Store  poll.Store
	Stage  *stage.Stage
	Cache  *stage.Cache
	Intake *intake.Intake
	Bus    bus.Bus
	Passes *access.Passes
}

// Server serves from the first moment: health at once, the API from Start on.
type Server struct {
	Config
	app      *fiber.App
	bounds   *bounds
	paths    paths
	streams  context.Context // of answers that are sent bit by bit, and of the hub; ends when the server stops
	stop     context.CancelFunc
	requests context.Context // of everything that requests ask of the services; ends with Close
	cut      context.CancelFunc

	mu       sync.RWMutex        // held for reading by every request that works with the services
	front    *eventloop.Listener // nil before Serve
	services *Services           // nil before Start and after Close
	hub      *hub                // of the services
	entrance *entrance           // of the services
	sending  sync.WaitGroup      // streams and votes that work with the services after their request

	slides *encodedSlides // as they are answered

	// Of the services' store.
	results    coalescedResults
	allResults *coalesced[uuid.UUID, *encodedAll]
	wordPages  wordPages
	audiences  *coalesced[uuid.UUID, wireAudience]
	answers    *coalesced[answersPage, []byte]

	spared  atomic.Int64        // connections that gave way
	changes *budget.Turns       // at writing a presentation, or a part of one
	files   *budget.Turns       // at being sent one with all results
	unsent  *budget.Bytes       // of large answers
	bodies  *semaphore.Weighted // bytes of those that are being read
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{
		Config: cfg, changes: budget.NewTurns(maxChanges), files: budget.NewTurns(maxFiles), unsent: budget.NewBytes(maxUnsent, maxUnsaid),
		bodies: semaphore.NewWeighted(maxBodyBytes), bounds: newBounds(cfg, time.Now), slides: newEncodedSlides(),
	}
	if s.Costly == nil {
		s.Costly = budget.Costly()
	}
	s.streams, s.stop = context.WithCancel(context.Background())
	s.requests, s.cut = context.WithCancel(context.Background())
	s.app = NewApp(s.fail)
	s.app.Server().Handler = eventloop.Handle(s.below(s.knownMethod(s.app.Server().Handler)))
	s.app.Server().ErrorHandler = s.unread
	s.routes()
	s.paths = newPaths(s.app.GetRoutes(true))
	return s
}

// NewApp makes the bare Fiber application: the server's settings, no route yet. Exported for the benchmark's no-op.
func NewApp(fail fiber.ErrorHandler) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                      "Plenary",
		BodyLimit:                    maxBody,
		StreamRequestBody:            true, // the memory for a body is not taken when it is announced: see body.go
		DisablePreParseMultipartForm: true,
		CaseSensitive:                true,
		StrictRouting:                true,
		ReadBufferSize:               maxHeader,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		DisableStartupMessage:        true,
		ErrorHandler:                 fail,
	})
	app.Server().CloseOnShutdown = true
	app.Server().HeaderReceived = headReceived
	app.Server().ConnState = eventloop.State
	app.Server().KeepHijackedConns = true // event streams close theirs; fasthttp's buffers do not wait for that
	return app
}

func (s *Server) routes() {
	s.app.Use(s.observe, s.bounded, recover.New(), s.body, s.method)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	s.app.Get("/readyz", s.ready)
	v1 := s.app.Group(Base)
	v1.Get("/ping", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	contract := openapi.File(s.Root)
	v1.Get("/openapi.yaml", func(c *fiber.Ctx) error {
		budget.Standing(c)
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(contract)
	})
	v1.Post("/presentations", s.with(create))
	v1.Get("/presentations/:id", s.with(getPresentation))
	v1.Patch("/presentations/:id", s.with(patchPresentation))
	v1.Delete("/presentations/:id", s.with(deletePresentation))
	v1.Get("/presentations/:id/export", s.with(exportPresentation))
	v1.Get("/presentations/:id/history", s.with(getHistory))
	v1.Post("/presentations/:id/token", s.with(postToken))
	v1.Post("/presentations/:id/remote", s.with(postRemote))
	v1.Post("/presentations/:id/join_code", s.with(postJoinCode))
	v1.Get("/join/:code", s.with(join))
	v1.Put("/presentations/:id/polls/current", s.with(putCurrent))
	v1.Delete("/presentations/:id/polls/current", s.with(deleteCurrent))
	v1.Get("/presentations/:id/polls/current", s.with(getCurrent))
	v1.Post(votePath, s.with(postVote))
	v1.Post("/presentations/:id/voters", s.with(postVoter))
	v1.Put("/presentations/:id/polls/order", s.with(putOrder))
	v1.Post("/presentations/:id/polls", s.with(postPoll))
	v1.Patch("/presentations/:id/polls/:poll_id", s.with(patchPoll))
	v1.Delete("/presentations/:id/polls/:poll_id", s.with(deletePoll))
	v1.Post("/presentations/:id/polls/:poll_id/reset", s.with(resetPoll))
	v1.Get("/presentations/:id/polls/:poll_id/results", s.with(getResults))
	v1.Get("/presentations/:id/polls/:poll_id/answers", s.with(getAnswers))
	v1.Patch("/presentations/:id/polls/:poll_id/answers", s.with(patchAnswer))
	v1.Get("/presentations/:id/polls/:poll_id/votes", s.with(getVotes))
	v1.Get("/presentations/:id/results", s.with(getAllResults))
	v1.Get("/presentations/:id/events", s.with(getEvents))
	v1.Get("/presentations/:id/audience", s.with(getAudience))
	for _, mount := range s.Mount {
		mount(s.app)
	}
}

// call is one request with what it works with.
type call struct {
	*fiber.Ctx
	*Services
	server *Server
}

// with gives a route its services, or says that they are not there yet or any more.
func (s *Server) with(route func(*call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if done, err := s.serve(c, route); done {
			return err
		}
		if s.requests.Err() != nil {
			return fault.Errorf(fault.Unavailable, "stopping: send it again")
		}
		return fault.Errorf(fault.Unavailable, "starting: send it again")
	}
}

// serve keeps the services until the route has returned; false: there are none.
func (s *Server) serve(c *fiber.Ctx, route func(*call) error) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.services == nil {
		return false, nil
	}
	return true, route(&call{c, s.services, s})
}

// Start gives the routes their services.
func (s *Server) Start(services Services) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services, s.results, s.allResults = &services, newCoalescedResults(services.Store), newCoalescedAll(services.Store, s.Costly)
	s.wordPages = newWordPages(services.Store)
	s.audiences = newCoalescedAudiences(services.Store)
	s.answers = newCoalescedAnswers(services.Store, s.Costly)
	s.entrance = newEntrance(services.Passes, services.Store, s.PassLimit, s.bounds.passcode)
	s.hub = newHub(s.streams, services.Cache, s.results, services.Store, services.Bus, s.Logger)
}

// Close takes the services from the routes, after Shutdown. Requests that work with them still, because their time was up,
// are answered within a second: by what is known of them, else by 503. When Close returns nothing uses the services any more,
// and a request that arrives whole only then gets 503, too.
func (s *Server) Close() {
	s.cut()
	s.mu.Lock()
	started := s.services != nil
	s.services = nil
	s.mu.Unlock()
	s.sending.Wait()
	if started {
		s.hub.close()
		s.entrance.close()
		s.results.close()
		s.allResults.close()
		s.wordPages.close()
		s.audiences.close()
		s.answers.close()
	}
}

func (s *Server) started() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.services != nil
}

// Serve answers requests on ln until Shutdown: votes by takeVote, where that can, and everything else by Fiber. It returns nil
// after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	if bounded, ok := ln.(*Listener); ok {
		bounded.MakeRoom(s.makeRoom)
	}
	front := eventloop.Wrap(ln, eventloop.Silence{First: readTimeout, Then: idleTimeout}, s.takeVote, s.app.Server().ServeConn)
	s.mu.Lock()
	s.front = front
	s.mu.Unlock()
	defer front.Stop()
	if s.streams.Err() != nil { // Shutdown was first
		front.Retire()
		return front.Close()
	}
	return s.app.Listener(front)
}

// makeRoom closes a connection on which no request is under way, and if there has been none for a while, ends a stream.
func (s *Server) makeRoom(patient bool) bool {
	if !s.mu.TryRLock() { // Close waits for requests, and then for us
		return false
	}
	defer s.mu.RUnlock()
	made := s.front != nil && s.front.MakeRoom() || patient && s.hub != nil && s.hub.guests.makeRoom(0)
	if made {
		s.spared.Add(1)
	}
	return made
}

// Spared tells how many connections have given way to others since the start.
func (s *Server) Spared() int64 { return s.spared.Load() }

// Shutdown waits until every request that was read has its answer, or ctx ends. The listener must be closed before. A client
// that uses its connection hears that it closes, and loses nothing; a request that is sent on an idle connection while it is
// being closed is not handled and not answered, the one race that HTTP/1.1 leaves. Votes lists that are being
// sent are cut off, and so are large answers that are not taken within drainTime: they may take a minute each. Event streams end at once, and their clients go to another replica.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.mu.RLock()
	front := s.front
	s.mu.RUnlock()
	if front == nil {
		return s.app.ShutdownWithContext(ctx)
	}
	drained, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	front.Wait(drained)
	front.Retire()
	err := s.app.ShutdownWithContext(ctx)
	front.Wait(ctx)   // for votes that wait for their answer
	_ = front.Close() // if it has only begun to serve, Fiber does not know of it yet
	return cmp.Or(err, ctx.Err())
}

// ready says whether the server can take votes. What keeps it from that is for operators, who have another listener.
func (s *Server) ready(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if len(s.Away(ctx)) > 0 || s.Ready() != nil {
		return fault.Errorf(fault.Unavailable, "not ready")
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

// Ready says whether the server has its services.
func (s *Server) Ready() error {
	if !s.started() {
		return errors.New("starting or stopping")
	}
	return nil
}

// observe gives every request an id, and logs and measures it when it is answered.
func (s *Server) observe(c *fiber.Ctx) error {
	begun := time.Now()
	if v := refused(c); v != nil {
		begun = v.begun
		defer forgetRefused(c)
	}
	id := s.mark(c)
	if err := c.Next(); err != nil {
		if err = s.fail(c, err); err != nil {
			return err
		}
	}
	if s.streams.Err() != nil { // it stops
		c.Context().SetConnectionClose()
	}
	took, status := time.Since(begun), c.Response().StatusCode()
	route := c.Route().Path
	if route == "/" && c.Path() != "/" {
		route = "unmatched"
	}
	s.Observe(methodName(c.Method()), route, status, took)
	if s.AccessLog {
		s.access(c.Method(), c.Path(), status, took, id, s.clientAddr(c))
	}
	return nil
}

// mark gives an answer what every answer has, and the request its id.
func (s *Server) mark(c *fiber.Ctx) (id string) {
	id = requestID(c)
	c.Response().Header.SetCanonical(headerRequestID, []byte(id))
	c.Response().Header.SetCanonical(headerSniffing, noSniffing)
	s.cors(c)
	return id
}

func (s *Server) access(method, path string, status int, took time.Duration, id string, client netip.Addr) {
	level := slog.LevelInfo
	if status == statusAborted {
		level = slog.LevelDebug
	}
	s.Logger.LogAttrs(context.Background(), level, "request", slog.String("method", method), slog.String("path", path),
		slog.Int("status", status), slog.Duration("took", took), slog.String("request_id", id), slog.String("ip", addressText(client)))
}

// knownMethod refuses what Fiber would refuse in plain text before any of our handlers runs: a method that HTTP does not have.
func (s *Server) knownMethod(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(fctx *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(fctx.Method())) {
			next(fctx)
			return
		}
		begun := time.Now()
		c := s.app.AcquireCtx(fctx)
		defer s.app.ReleaseCtx(c)
		if err := s.fail(c, fault.Errorf(fault.Invalid, "there is no such method")); err != nil {
			fctx.SetStatusCode(http.StatusBadRequest)
		}
		if s.streams.Err() != nil {
			fctx.SetConnectionClose()
		}
		s.Observe("other", "unmatched", http.StatusBadRequest, time.Since(begun))
	}
}

// methodName gives a method's name for keeping: Fiber's own string changes with the next request.
func methodName(method string) string {
	if i := slices.Index(fiber.DefaultMethods, method); i >= 0 {
		return fiber.DefaultMethods[i]
	}
	return "other"
}

// requestID gives the client's own request id if it is a plain one, else a new one. The answer is a copy: Fiber uses
// its buffers again.
func requestID(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if !plainRequestID(id) {
		return newRequestID()
	}
	return strings.Clone(id)
}

func plainRequestID(id string) bool {
	return len(id) > 0 && len(id) <= 64 && !strings.ContainsFunc(id, notInRequestID)
}

// newRequestID makes a UUIDv4 of the runtime's generator: it is no secret, and every vote needs one.
func newRequestID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], rand.Uint64()&^0xf000|0x4000)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id.String()
}

func notInRequestID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// fail answers an error. It is the only place where errors become HTTP.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	if c.GetRespHeader(fiber.HeaderXRequestID) == "" { // refused before any handler ran
		s.mark(c)
	}
	p.RequestID = c.GetRespHeader(fiber.HeaderXRequestID)
	if p.Status >= statusAborted {
		level := slog.LevelWarn
		switch p.Status {
		case statusAborted:
			level = slog.LevelDebug
		case fiber.StatusInternalServerError:
			level = slog.LevelError
		}
		s.Logger.Log(context.Background(), level, "request failed", "method", c.Method(), "path", c.Path(),
			"status", p.Status, "request_id", p.RequestID, "error", err)
	}
	return p.send(c)
}

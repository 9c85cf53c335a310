// Package web is the manners of HTTP, which are the same for every feature. Requests are read,
// bounded and refused here, and answers are sent. It knows no feature.
package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/limit"
)

// Config is what a site is made of.
type Config struct {
	Record
	Root    string   // path of the public address, such as "/polls"; empty: it has none
	Origins []string // of pages that may use the API beside its own; "*": all
	// TrustedProxies may say for whom they ask.
	TrustedProxies Proxies
	// Costly gives turns at what keeps a processor busy. nil: turns of the site's own.
	Costly *budget.Turns
	Limits BodyLimits
	// Counter is asked whether a request is one too many. nil: none is.
	Counter limit.Counter
}

// Site is an application whose requests and answers all have the same manners. Routes are added to
// App before it serves. It is a life.Service, which runs while the routes have their services.
type Site struct {
	Config
	Life
	App     *fiber.App
	Answers Answers
	Bodies  *semaphore.Weighted // bytes of larger ones that are being read
	// what works with the services after its request: streams, and votes that wait
	Sending sync.WaitGroup
	// Sessions tells accounts, from Start on. nil: there are none.
	Sessions access.Sessions

	stop, cut context.CancelFunc
	close     func() // the end of Stop
	closed    chan struct{}
	paths     func() paths

	mu   sync.RWMutex // held for reading by every request that works with the services
	open bool
}

// New makes a site. Its services are closed until Start.
func New(cfg Config) *Site {
	if cfg.Costly == nil {
		cfg.Costly = budget.Costly()
	}
	s := &Site{Config: cfg}
	s.Streaming, s.stop = context.WithCancel(context.Background())
	s.Requests, s.cut = context.WithCancel(context.Background())
	s.Answers = Answers{s.Life, budget.NewBytes(maxUnsent, maxUnsaid)}
	s.closed = make(chan struct{})
	s.close = sync.OnceFunc(s.end)
	s.App = NewApp(s.fail, cfg.Limits)
	s.App.Server().Handler = eventloop.Handle(below(s.Root, s.knownMethod(s.App.Server().Handler)))
	s.App.Server().ErrorHandler = s.unread
	s.paths = sync.OnceValue(func() paths { return newPaths(s.App.GetRoutes(true)) })
	s.Bodies = semaphore.NewWeighted(maxBodyBytes)
	body := func(c *fiber.Ctx) error { return s.Limits.read(c, s.Bodies) }
	method := func(c *fiber.Ctx) error { return s.paths().method(c) }
	s.App.Use(s.observe, s.Answers.bounded, recover.New(), body, method)
	return s
}

// Methods gives the methods that a path takes; none: there is no such path. It is called when the
// site has its routes.
func (s *Site) Methods(path string) []string { return s.paths().methods(path) }

// CheckRoot refuses a Root that begins like a path of the site's own. It is called when the site
// has its routes.
func (s *Site) CheckRoot() error { return s.paths().check(s.Root) }

// EndStreams ends Streaming. Answers say from now on that their connection closes.
func (s *Site) EndStreams() { s.stop() }

// Stopping says whether Streaming has ended.
func (s *Site) Stopping() bool { return s.Streaming.Err() != nil }

// Cut ends Requests.
func (s *Site) Cut() { s.cut() }

// Start gives the routes their services.
func (s *Site) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.Requests.Err() != nil:
		return life.ErrStopped
	case s.open:
		return life.ErrStarted
	}
	s.open = true
	return nil
}

// Stop takes the services from the routes. Requests that work with them still are answered within a
// second: by what is known of them, else by 503. When Stop returns nil nothing uses the services
// any more, and a request that arrives whole only then gets 503, too.
func (s *Site) Stop(ctx context.Context) error {
	s.stop()
	s.cut()
	go s.close()
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end waits for requests that work with the services.
func (s *Site) end() {
	s.mu.Lock()
	s.open = false
	s.mu.Unlock()
	s.Sending.Wait()
	close(s.closed)
}

// IsOpen says whether the routes have their services.
func (s *Site) IsOpen() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open
}

// TryEnter keeps the services open until Leave is called. False: they are not open, or are just
// being closed. It never waits.
func (s *Site) TryEnter() bool {
	if !s.mu.TryRLock() { // Close waits for other requests: others on this loop must not
		return false
	}
	if !s.open || s.Stopping() {
		s.mu.RUnlock()
		return false
	}
	return true
}

// Leave ends what TryEnter began.
func (s *Site) Leave() { s.mu.RUnlock() }

// Unlimited makes a handler of a route that works with the services. It keeps them open until the
// route has returned. Where they are not there yet or any more, it says so. It is for a route of
// which a hall asks behind one address, or that has a limit of its own.
func (s *Site) Unlimited(route fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if done, err := s.serve(c, route); done {
			return err
		}
		if s.Requests.Err() != nil {
			return fault.Errorf(fault.Unavailable, "stopping: send it again")
		}
		return fault.Errorf(fault.Unavailable, "starting: send it again")
	}
}

func (s *Site) serve(c *fiber.Ctx, route fiber.Handler) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.open {
		return false, nil
	}
	return true, route(c)
}

// observe gives every request an id, and logs and measures it when it is answered.
func (s *Site) observe(c *fiber.Ctx) error {
	begun := time.Now()
	id := s.mark(c)
	if err := c.Next(); err != nil {
		if err = s.fail(c, err); err != nil {
			return err
		}
	}
	if s.Stopping() {
		c.Context().SetConnectionClose()
	}
	took, status := time.Since(begun), c.Response().StatusCode()
	route := c.Route().Path
	if route == "/" && c.Path() != "/" {
		route = "unmatched"
	}
	s.Observe(methodName(c.Method()), route, status, took)
	if s.AccessLog {
		s.Access(c.Method(), c.Path(), status, took, id, s.TrustedProxies.Client(c))
	}
	return nil
}

var (
	headerRequestID = []byte("X-Request-Id") // canonical: nothing to normalize for every answer
	headerSniffing  = []byte(fiber.HeaderXContentTypeOptions)
	// an answer holds what people wrote: no browser may take it for a page
	noSniffing = []byte("nosniff")
)

// mark gives an answer what every answer has, and the request its id.
func (s *Site) mark(c *fiber.Ctx) (id string) {
	id = RequestID(c)
	c.Response().Header.SetCanonical(headerRequestID, []byte(id))
	c.Response().Header.SetCanonical(headerSniffing, noSniffing)
	origins(s.Origins).say(c)
	return id
}

// knownMethod refuses what Fiber would refuse in plain text before any of our handlers runs: a
// method that HTTP does not have.
func (s *Site) knownMethod(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(fctx *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(fctx.Method())) {
			next(fctx)
			return
		}
		begun := time.Now()
		c := s.App.AcquireCtx(fctx)
		defer s.App.ReleaseCtx(c)
		if err := s.fail(c, fault.Errorf(fault.Invalid, "there is no such method")); err != nil {
			fctx.SetStatusCode(http.StatusBadRequest)
		}
		if s.Stopping() {
			fctx.SetConnectionClose()
		}
		s.Observe("other", "unmatched", http.StatusBadRequest, time.Since(begun))
	}
}

// unread answers a request that could not be read, which no handler has seen.
func (s *Site) unread(fctx *fasthttp.RequestCtx, err error) {
	c := s.App.AcquireCtx(fctx)
	defer s.App.ReleaseCtx(c)
	linger(fctx)
	if err := s.fail(c, readError(err)); err != nil {
		fctx.SetStatusCode(http.StatusInternalServerError)
	}
	s.Observe("other", "unmatched", fctx.Response.StatusCode(), 0)
}

// methodName gives a method's name for keeping: Fiber's own string changes with the next request.
func methodName(method string) string {
	if i := slices.Index(fiber.DefaultMethods, method); i >= 0 {
		return fiber.DefaultMethods[i]
	}
	return "other"
}

// fail answers an error.
func (s *Site) fail(c *fiber.Ctx, err error) error {
	if c.GetRespHeader(fiber.HeaderXRequestID) == "" { // refused before any handler ran
		s.mark(c)
	}
	id := c.GetRespHeader(fiber.HeaderXRequestID)
	r := RefusalOf(err, id)
	s.Failure(c.Method(), c.Path(), id, r.Status, err)
	for _, f := range r.Fields {
		c.Set(f.Name, f.Value)
	}
	c.Set(fiber.HeaderContentType, ProblemType)
	return c.Status(r.Status).Send(r.Body)
}

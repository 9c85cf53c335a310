// Package server serves a site: its listener, and a life that outlives its limits. It knows
// features by what all of them do.
package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/api/internal/openapi"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Feature is a part of the site that has services of its own. It adds its routes before the server
// is made, and has its services before Start.
type Feature interface {
	// Spare ends what can be spared most on some connection, and says whether there was something.
	Spare() bool
	// Close ends what works with the services beside requests. It is called once no request works
	// with them.
	Close()
}

// Config is what a server is made of.
type Config struct {
	// Away names what the process waits for or has lost: "database", "queue". It must answer
	// quickly.
	Away func(ctx context.Context) []string
	// Fast answers requests without Fiber, where it takes them. nil: none.
	Fast eventloop.Answerer
}

// Server serves from the first moment: health at once, the features from Start on.
type Server struct {
	Config
	site     *web.Site
	features []Feature
	spared   atomic.Int64 // connections that gave way

	mu    sync.RWMutex
	front *eventloop.Listener // nil before Serve
}

// New makes a server of a site that has the features' routes, and adds those of its health.
func New(site *web.Site, cfg Config, features ...Feature) *Server {
	s := &Server{Config: cfg, site: site, features: features}
	ok := func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }
	site.App.Get("/healthz", ok)
	site.App.Get("/readyz", s.ready)
	site.App.Get(web.Base+"/ping", ok)
	contract := openapi.File(site.Root)
	site.App.Get(web.Base+"/openapi.yaml", func(c *fiber.Ctx) error {
		budget.Standing(c)
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(contract)
	})
	return s
}

// Start gives the routes their services.
func (s *Server) Start() { s.site.Start() }

// Close takes the services from the routes, after Shutdown. Requests that work with them still,
// because their time was up, are answered within a second: by what is known of them, else by 503.
// When Close returns nothing uses the services any more, and a request that arrives whole only
// then gets 503, too.
func (s *Server) Close() {
	if s.site.Close() {
		for _, f := range s.features {
			f.Close()
		}
	}
}

// Serve answers requests on ln until Shutdown: by Fast, where that can, and everything else by
// Fiber. It returns nil after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	if bounded, ok := ln.(*Listener); ok {
		bounded.MakeRoom(s.MakeRoom)
	}
	answer := s.Fast
	if answer == nil {
		answer = func(*eventloop.Conn, []byte) bool { return false }
	}
	silence := eventloop.Silence{First: web.ReadTimeout, Then: web.IdleTimeout}
	front := eventloop.Wrap(ln, silence, answer, s.site.App.Server().ServeConn)
	s.mu.Lock()
	s.front = front
	s.mu.Unlock()
	defer front.Stop()
	if s.site.Stopping() { // Shutdown was first
		front.Retire()
		return front.Close()
	}
	return s.site.App.Listener(front)
}

// served gives what Serve has begun; nil: nothing.
func (s *Server) served() *eventloop.Listener {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.front
}

// Open tells how many connections are open and no streams.
func (s *Server) Open() int {
	if front := s.served(); front != nil {
		return front.Open()
	}
	return 0
}

// MakeRoom closes a connection on which no request is under way, and if there has been none for a
// while, ends a stream.
func (s *Server) MakeRoom(patient bool) bool {
	front := s.served()
	made := front != nil && front.MakeRoom()
	for _, f := range s.features {
		made = made || patient && f.Spare()
	}
	if made {
		s.spared.Add(1)
	}
	return made
}

// Spared tells how many connections have given way to others since the start.
func (s *Server) Spared() int64 { return s.spared.Load() }

// Shutdown waits until every request that was read has its answer, or ctx ends. The listener must
// be closed before. A client that uses its connection hears that it closes, and loses nothing.
// HTTP/1.1 leaves one race: a request that is sent on an idle connection while it is being closed
// has no answer. Votes lists that are being sent are cut off. So are large answers that are not
// taken within web.DrainTime, since they may take a minute each. Event streams end at once, and
// their clients go to another replica.
func (s *Server) Shutdown(ctx context.Context) error {
	s.site.Stop()
	front := s.served()
	if front == nil {
		return s.site.App.ShutdownWithContext(ctx)
	}
	drained, cancel := context.WithTimeout(ctx, web.DrainTime)
	defer cancel()
	front.Wait(drained)
	front.Retire()
	err := s.site.App.ShutdownWithContext(ctx)
	front.Wait(ctx)   // for votes that wait for their answer
	_ = front.Close() // if it has only begun to serve, Fiber does not know of it yet
	return cmp.Or(err, ctx.Err())
}

// ready says whether the server can take votes. What keeps it from that is for operators, who have
// another listener.
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
	if !s.site.IsOpen() {
		return errors.New("starting or stopping")
	}
	return nil
}

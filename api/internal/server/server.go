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
	"github.com/plenary-live/plenary/pkg/life"
)

// Feature is a part of the site. It adds its routes before the server is made.
type Feature interface {
	// Name is the feature's, as in its paths: "polls".
	Name() string
	// Spare ends what can be spared most on some connection, and says whether there was something.
	Spare() bool
}

// Config is what a server is made of.
type Config struct {
	// Away names what the process waits for or has lost: "database", "queue". It must answer
	// quickly.
	Away  func(ctx context.Context) []string
	About About
	// Fast answers requests without Fiber, where it takes them. nil: none.
	Fast eventloop.Answerer
}

// Server serves from its Start: health at once, the features while the site is open. It is a
// life.Service.
type Server struct {
	Config
	site     *web.Site
	features []Feature
	spared   atomic.Int64  // connections that gave way
	stopping chan struct{} // a token while a Stop is under way
	serving  *life.Tasks
	failed   chan error // closed when Fiber has ended

	mu    sync.RWMutex        // held while it starts
	ln    net.Listener        // nil before On
	front *eventloop.Listener // nil before Start
}

// New makes a server of a site that has the features' routes. It adds those of its health and of
// what it is.
func New(site *web.Site, cfg Config, features ...Feature) *Server {
	s := &Server{
		Config: cfg, site: site, features: features, stopping: make(chan struct{}, 1),
		serving: life.NewTasks(), failed: make(chan error, 1),
	}
	ok := func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }
	site.App.Get("/healthz", ok)
	site.App.Get("/readyz", s.ready)
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = f.Name()
	}
	site.App.Get(web.Base+"/", site.Limited(newAbout(cfg.About, names).answer))
	site.App.Get(web.Base+"/ping", ok)
	contract := openapi.File(site.Root)
	site.App.Get(web.Base+"/openapi.yaml", func(c *fiber.Ctx) error {
		budget.Standing(c)
		c.Set(fiber.HeaderContentType, "application/yaml")
		return c.Send(contract)
	})
	return s
}

// On says where the server serves, before Start.
func (s *Server) On(ln net.Listener) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln = ln
	if bounded, ok := ln.(*Listener); ok {
		bounded.MakeRoom(s.MakeRoom)
	}
	return s
}

// Start begins to answer requests: by Fast, where that can, and everything else by Fiber.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.serving.Start(); err != nil {
		return err
	}
	answer := s.Fast
	if answer == nil {
		answer = func(*eventloop.Conn, []byte) bool { return false }
	}
	silence := eventloop.Silence{First: web.ReadTimeout, Then: web.IdleTimeout}
	s.front = eventloop.Wrap(s.ln, silence, answer, s.site.App.Server().ServeConn)
	if err := s.front.Start(); err != nil {
		return err
	}
	s.serving.Go(func(context.Context) {
		defer close(s.failed)
		if err := s.site.App.Listener(s.front); err != nil {
			s.failed <- err
		}
	})
	return nil
}

// Failed gives the error with which serving has ended by itself. It is closed when serving has
// ended.
func (s *Server) Failed() <-chan error { return s.failed }

// served gives what Start has begun; nil: nothing.
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

// Stop closes the listener, and waits until every request that was read has its answer. A client
// that uses its connection hears that it closes, and loses nothing. HTTP/1.1 leaves one race: a
// request that is sent on an idle connection while it is being closed has no answer. Votes lists
// that are being sent are cut off. So are large answers that are not taken within web.DrainTime,
// since they may take a minute each. Event streams end at once, and their clients go to another
// replica.
//
// The error says that connections are left. A request on them meets a site that is closed, once
// that is.
func (s *Server) Stop(ctx context.Context) error {
	select {
	case s.stopping <- struct{}{}:
		defer func() { <-s.stopping }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.site.EndStreams()
	front, err := s.close(ctx)
	if front == nil {
		return err
	}
	drained, cancel := context.WithTimeout(ctx, web.DrainTime)
	defer cancel()
	front.Wait(drained)
	front.Retire()
	err = cmp.Or(err, s.site.App.ShutdownWithContext(ctx))
	// Votes may wait for their answer still. If Fiber has only begun to serve, it has not closed
	// front.
	return cmp.Or(err, front.Stop(ctx), s.serving.Stop(ctx))
}

// close closes the listener, and gives what has been served from it; nil: nothing was, and nothing
// will be.
func (s *Server) close(ctx context.Context) (front *eventloop.Listener, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln != nil {
		if err = s.ln.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	if s.front == nil {
		err = cmp.Or(err, s.serving.Stop(ctx))
	}
	return s.front, err
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

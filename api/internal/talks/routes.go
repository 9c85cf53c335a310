package talks

import (
	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life"
)

// New adds the feature's routes to a site.
func New(site *web.Site, cfg Config) *Talks {
	s := &Talks{Config: cfg, Site: site, bounds: newBounds(cfg.CreateLimit, cfg.PassLimit)}
	s.routes(site.App.Group(web.Base))
	return s
}

func (s *Talks) routes(v1 fiber.Router) {
	v1.Post("/talks", s.with(create))
	v1.Get("/talks", s.free(list))
	v1.Get("/talks/events", s.free(getProgrammeEvents))
	v1.Get("/talks/:id", s.free(getTalk))
	v1.Patch("/talks/:id", s.free(patchTalk))
	v1.Delete("/talks/:id", s.with(deleteTalk))
	v1.Post("/talks/:id/voters", s.free(postVoter))
	v1.Get("/talks/:id/comments", s.free(getComments))
	v1.Patch("/talks/:id/comments/:comment_id", s.free(patchComment))
	v1.Get("/talks/:id/events", s.free(getEvents))
	v1.Post("/ratings", s.free(postRating))
	v1.Get("/ratings", s.free(getRatings))
}

// with gives a route the services, and limits it by address.
func (s *Talks) with(route func(*call) error) fiber.Handler {
	return s.Serving(func(c *fiber.Ctx) error { return route(s.call(c)) })
}

// free gives a route the services, and takes nothing of the address's limit: a hall of people may
// be behind one address.
func (s *Talks) free(route func(*call) error) fiber.Handler {
	return s.Unlimited(func(c *fiber.Ctx) error { return route(s.call(c)) })
}

func (s *Talks) call(c *fiber.Ctx) *call {
	return &call{web.Call{Ctx: c, Site: s.Site}, s.services, s}
}

// Name is the feature's.
func (s *Talks) Name() string { return "talks" }

// With gives the routes their services, and gives what runs for the routes. That is started before
// the site, and stopped after it.
func (s *Talks) With(services Services) life.Service {
	s.services = &services
	s.reads = newReads(services.Store)
	s.topics = &topics{s.reads, services.Store}
	s.programme = &programme{services.Store}
	services.Hub.Add(services.Heard, s.topics, s.programme)
	s.served.Store(true)
	return s.reads
}

// Spare ends a stream for somebody who came, and says whether there was one.
func (s *Talks) Spare() bool { return s.served.Load() && s.services.Hub.MakeRoom() }

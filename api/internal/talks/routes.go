package talks

import (
	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life"
)

// New adds the feature's routes to a site.
func New(site *web.Site, cfg Config) *Talks {
	s := &Talks{
		Config: cfg, Site: site, bounds: newBounds(cfg.CreateLimit, cfg.PassLimit),
		exports: budget.NewTurns(maxExports),
	}
	s.routes(site.App.Group(web.Base))
	return s
}

func (s *Talks) routes(v1 fiber.Router) {
	v1.Post("/talks", s.with(create))
	v1.Get("/talks", s.free(list))
	v1.Post("/talks/import", s.with(postImport))
	v1.Get("/talks/export", s.with(exportProgramme))
	v1.Get("/talks/events", s.free(getProgrammeEvents))
	v1.Get("/talks/:id", s.free(getTalk))
	v1.Patch("/talks/:id", s.free(patchTalk))
	v1.Delete("/talks/:id", s.with(deleteTalk))
	v1.Post("/talks/:id/voters", s.free(postVoter))
	v1.Get("/talks/:id/comments", s.free(getComments))
	v1.Patch("/talks/:id/comments/:comment_id", s.free(patchComment))
	v1.Get("/talks/:id/events", s.free(getEvents))
	v1.Get("/talks/:id/export", s.with(exportTalk))
	v1.Post("/talks/:id/claim", s.with(postClaim))
	v1.Get("/users/me/talks", s.with(getOwn))
	v1.Post("/ratings", s.withoutAccount(postRating)) // its person is in the body
	v1.Get("/ratings", s.free(getRatings))
}

// with gives a route the services, tells it whose request it is, and limits it by address.
func (s *Talks) with(route func(*call) error) fiber.Handler {
	return s.Serving(s.identified(route))
}

// free gives a route the services, and tells it whose request it is. It takes nothing of the
// address's limit: a hall of people may be behind one address.
func (s *Talks) free(route func(*call) error) fiber.Handler {
	return s.Unlimited(s.identified(route))
}

// withoutAccount gives a route the services alone, and takes nothing of the address's limit.
func (s *Talks) withoutAccount(route func(*call) error) fiber.Handler {
	return s.Unlimited(func(c *fiber.Ctx) error { return route(s.call(c)) })
}

// identified tells a route whose request it is.
func (s *Talks) identified(route func(*call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		call := s.call(c)
		if err := call.identify(); err != nil {
			return err
		}
		return route(call)
	}
}

func (s *Talks) call(c *fiber.Ctx) *call {
	return &call{Call: web.Call{Ctx: c, Site: s.Site}, Services: s.services, talks: s}
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

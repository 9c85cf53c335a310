package feeds

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/limit"
)

// New adds the feature's routes to a site.
func New(site *web.Site, cfg Config) *Feeds {
	rate := limit.Rate{PerMinute: cfg.CreateLimit, Burst: cfg.CreateLimit}
	s := &Feeds{Config: cfg, Site: site, creation: limit.New[uuid.UUID](rate, time.Now)}
	s.routes(site.App.Group(web.Base))
	return s
}

func (s *Feeds) routes(v1 fiber.Router) {
	v1.Post("/polls", s.own(create))
	v1.Get("/polls", s.own(list))
	v1.Get("/polls/events", s.with(getSeveralEvents))
	v1.Get("/polls/:id", s.free(getPoll))
	v1.Delete("/polls/:id", s.with(deletePoll))
	v1.Post("/polls/:id/close", s.with(closePoll))
	v1.Post("/polls/:id/vote", s.voter(choose(feed.Vote)))
	v1.Patch("/polls/:id/vote", s.voter(choose(feed.Change)))
	v1.Delete("/polls/:id/vote", s.voter(act(feed.Withdraw)))
	v1.Post("/polls/:id/skip", s.voter(act(feed.Skip)))
	v1.Delete("/polls/:id/skip", s.voter(act(feed.Unskip)))
	v1.Get("/polls/:id/stats", s.free(getStats))
	v1.Get("/polls/:id/history", s.with(getHistory))
	v1.Get("/polls/:id/events", s.free(getEvents))
	v1.Get("/tags", s.free(getTags))
	v1.Get("/users/me/polls", s.own(getOwn))
	v1.Get("/users/me/votes", s.own(getVoted))
}

// with gives a route the services, tells it whose request it is, and limits it by account, else by
// address.
func (s *Feeds) with(route func(*call) error) fiber.Handler {
	return s.Serving(s.identified(route))
}

// own is with for a route that an account asks, or refuses it.
func (s *Feeds) own(route func(*call) error) fiber.Handler { return s.with(loggedIn(route)) }

// free gives a route the services, and tells it whose request it is. It takes nothing of a limit: a
// hall of people may be behind one address.
func (s *Feeds) free(route func(*call) error) fiber.Handler {
	return s.Unlimited(s.identified(route))
}

// voter is own for votes and skips, which have bounds of their own.
func (s *Feeds) voter(route func(*call) error) fiber.Handler { return s.free(loggedIn(route)) }

func loggedIn(route func(*call) error) func(*call) error {
	return func(c *call) error {
		if err := c.LoggedIn(); err != nil {
			return err
		}
		return route(c)
	}
}

// identified tells a route whose request it is.
func (s *Feeds) identified(route func(*call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		call := &call{Call: web.Call{Ctx: c, Site: s.Site}, Services: s.services, feeds: s}
		if err := call.Identify(); err != nil {
			return err
		}
		return route(call)
	}
}

// Name is the feature's.
func (s *Feeds) Name() string { return "feed" }

// With gives the routes their services, and gives what runs for the routes. That is started before
// the site, and stopped after it.
func (s *Feeds) With(services Services) life.Service {
	s.services = &services
	s.reads = newReads(services.Store)
	s.topics = &topics{s.reads, services.Service}
	services.Hub.Add(services.Heard, s.topics)
	s.served.Store(true)
	return s.reads
}

// Spare ends a stream for somebody who came, and says whether there was one.
func (s *Feeds) Spare() bool { return s.served.Load() && s.services.Hub.MakeRoom() }

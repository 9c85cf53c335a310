package polls

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life"
)

// New adds the feature's routes to a site.
func New(site *web.Site, cfg Config) *Polls {
	s := &Polls{
		Config: cfg, Site: site, Votes: fast.New(site),
		bounds:  newBounds(cfg.CreateLimit, cfg.WrongCodes, time.Now),
		changes: budget.NewTurns(maxChanges),
		files:   budget.NewTurns(maxFiles),
		slides:  newEncodedSlides(),
	}
	s.routes(site.App.Group(web.Base))
	return s
}

func (s *Polls) routes(v1 fiber.Router) {
	v1.Post("/presentations", s.with(create))
	v1.Delete("/presentations/:id", s.with(deletePresentation))
	v1.Get("/presentations/:id/export", s.with(exportPresentation))
	v1.Post("/presentations/:id/token", s.with(postToken))
	v1.Post("/presentations/:id/remote", s.with(postRemote))
	v1.Post("/presentations/:id/join_code", s.with(postJoinCode))
	v1.Post("/presentations/:id/claim", s.with(postClaim))
	v1.Get("/users/me/presentations", s.with(getOwn))
	v1.Get("/presentations/:id/polls/:poll_id/votes", s.with(getVotes))

	// A hall asks for these behind one address: to join, to vote, and to see.
	v1.Get("/join/:code", s.free(join))
	v1.Post("/presentations/:id/voters", s.free(postVoter))
	v1.Post(fast.Path, s.withoutAccount(postVote)) // its voter is in the body
	v1.Get("/presentations/:id/events", s.free(getEvents))
	v1.Get("/presentations/:id", s.free(getPresentation))
	v1.Get("/presentations/:id/polls/current", s.free(getCurrent))
	v1.Get("/presentations/:id/polls/:poll_id/results", s.free(getResults))
	v1.Get("/presentations/:id/polls/:poll_id/answers", s.free(getAnswers))
	v1.Get("/presentations/:id/results", s.free(getAllResults))
	v1.Get("/presentations/:id/history", s.free(getHistory))

	// Many lectures may be behind one address. These take a token of the presentation, and edits
	// have a limit for each presentation.
	v1.Get("/presentations/:id/audience", s.free(getAudience))
	v1.Put("/presentations/:id/polls/current", s.free(putCurrent))
	v1.Delete("/presentations/:id/polls/current", s.free(deleteCurrent))
	v1.Patch("/presentations/:id", s.free(patchPresentation))
	v1.Put("/presentations/:id/polls/order", s.free(putOrder))
	v1.Post("/presentations/:id/polls", s.free(postPoll))
	v1.Patch("/presentations/:id/polls/:poll_id", s.free(patchPoll))
	v1.Delete("/presentations/:id/polls/:poll_id", s.free(deletePoll))
	v1.Post("/presentations/:id/polls/:poll_id/reset", s.free(resetPoll))
	v1.Patch("/presentations/:id/polls/:poll_id/answers", s.free(patchAnswer))
}

// with gives a route the services, tells it whose request it is, and limits it by address.
func (s *Polls) with(route func(*call) error) fiber.Handler {
	return s.Serving(s.identified(route))
}

// identified tells a route whose request it is.
func (s *Polls) identified(route func(*call) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		call := s.call(c)
		if err := call.identify(); err != nil {
			return err
		}
		return route(call)
	}
}

// withoutAccount gives a route the services alone, and takes nothing of the address's limit.
func (s *Polls) withoutAccount(route func(*call) error) fiber.Handler {
	return s.Unlimited(func(c *fiber.Ctx) error { return route(s.call(c)) })
}

// free gives a route the services, and takes nothing of the address's limit.
func (s *Polls) free(route func(*call) error) fiber.Handler {
	return s.Unlimited(s.identified(route))
}

// Name is the feature's.
func (s *Polls) Name() string { return "polls" }

// With gives the routes their services, and gives what runs for the routes. That is started before
// the site, and stopped after it.
func (s *Polls) With(services Services) life.Service {
	s.services, s.results, s.allResults = &services, newCoalescedResults(services.Store),
		newCoalescedAll(services.Store, s.Costly)
	s.wordPages = newWordPages(services.Store)
	s.audiences = newCoalescedAudiences(services.Store)
	s.answers = newCoalescedAnswers(services.Store, s.Costly)
	s.entrance = newEntrance(services.Passes, services.Store, s.PassLimit, s.bounds.passcode)
	s.topics = newTopics(s.Streaming, services.Cache, s.results, services.Store, s.Logger)
	own := life.InOrder()
	if s.hub = services.Hub; s.hub == nil {
		s.hub = live.New(s.Streaming, live.Config{Bus: services.Bus, Logger: s.Logger})
		own = s.hub
	}
	s.hub.Add(services.Cache.Heard, s.topics)
	s.Votes.To(services.Intake)
	s.served.Store(true)
	return life.InOrder(s.answers, s.audiences, s.wordPages, s.allResults, s.results, s.entrance,
		s.topics.present, own)
}

// Spare ends a stream for somebody who came, and says whether there was one.
func (s *Polls) Spare() bool { return s.served.Load() && s.hub.MakeRoom() }

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
	v1.Post(fast.Path, s.with(postVote))
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
}

// with gives a route the services.
func (s *Polls) with(route func(*call) error) fiber.Handler {
	return s.Serving(func(c *fiber.Ctx) error { return route(s.call(c)) })
}

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
	s.hub = live.New(s.Streaming, live.Config{
		Features: []live.Feature{s.topics}, Bus: services.Bus, First: services.Cache.Heard,
		Logger: s.Logger,
	})
	s.Votes.To(services.Intake)
	s.served.Store(true)
	return life.InOrder(s.answers, s.audiences, s.wordPages, s.allResults, s.results, s.entrance,
		s.topics.present, s.hub)
}

// Spare ends a stream for somebody who came, and says whether there was one.
func (s *Polls) Spare() bool { return s.served.Load() && s.hub.MakeRoom() }

// Streams tells of event streams: how many are open, and how many events were sent on them since
// the start. It tells how many were cut off since then because their client was too slow.
func (s *Polls) Streams() (open, sent, cut int64) {
	if !s.served.Load() {
		return 0, 0, 0
	}
	return s.hub.Streams()
}

// Package polls is the polls feature's HTTP face: its routes and what they answer. openapi.yaml is
// its reference.
package polls

import (
	"context"
	"sync/atomic"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
)

// maxChanges is how many write a presentation at once. Each may have a whole one in its hands,
// which takes ten times its text.
const maxChanges = 4

// BodyLimits are those of what an audience sends.
var BodyLimits = web.BodyLimits{
	{End: "/polls/current/votes", Bytes: fast.MaxBody, What: "a vote"},
	{End: "/voters", Bytes: fast.MaxBody, What: "a vote"},
}

// Config is what the feature is made of.
type Config struct {
	Open bool // everybody is every presentation's presenter

	CreateLimit int       // presentations that one address may create in a minute; 0: any number
	Door        *web.Door // to creating one
	WrongCodes  int       // wrong join codes that one address may try in a minute; 0: any number
	PassLimit   int       // passes of one presentation for an address in a minute; 0: any number
}

// Services is what the routes work with.
type Services struct {
	Store  poll.Store
	Stage  *stage.Stage
	Cache  *stage.Cache
	Intake *intake.Intake
	Bus    bus.Bus
	Passes *access.Passes
	Hub    *live.Hub // that other features have, too, and that runs; nil: one of its own
	Spread int       // over how many partitions new presentations lie; 0: 1
}

// Polls is the feature. Its routes say that they are starting until its site is open.
type Polls struct {
	Config
	*web.Site
	Votes *fast.Votes

	bounds  *bounds
	changes *budget.Turns  // at writing a presentation, or a part of one
	files   *budget.Turns  // at being sent one with all results
	slides  *encodedSlides // as they are answered

	served   atomic.Bool // With was called
	services *Services   // from then on
	// Of the services.
	hub        *live.Hub
	topics     *topics // of the hub
	entrance   *entrance
	results    coalescedResults
	allResults *live.Reads[uuid.UUID, *encodedAll]
	wordPages  wordPages
	audiences  *live.Reads[uuid.UUID, wireAudience]
	answers    *live.Reads[answersPage, []byte]
}

// call is one request with what it works with.
type call struct {
	web.Call
	*Services
	polls   *Polls
	account uuid.UUID // whose session the request has; Nil: none's
}

func (s *Polls) call(c *fiber.Ctx) *call {
	return &call{web.Call{Ctx: c, Site: s.Site}, s.services, s, uuid.Nil}
}

// identify takes note of the account that makes the request.
func (c *call) identify() (err error) {
	ctx, cancel := c.Timeout()
	defer cancel()
	c.account, err = c.Account(ctx)
	return err
}

// load takes a turn at reading a whole presentation and writing it down. It gives the context of
// what the request asks of the services meanwhile.
func (c *call) load() (ctx context.Context, done func(), err error) { return c.Turn(c.Site.Costly) }

// change takes a turn at writing a presentation or a part of it, as load does. Take it when the
// body has arrived, and before it is decoded: what it says is as large.
func (c *call) change() (ctx context.Context, done func(), err error) {
	return c.Turn(c.polls.changes)
}

// pollIDs reads the two ids of a path.
func (c *call) pollIDs() (presentationID, pollID uuid.UUID, err error) {
	if presentationID, err = web.ParseID("presentation_id", c.Params("id")); err == nil {
		pollID, err = web.ParseID("poll_id", c.Params("poll_id"))
	}
	return presentationID, pollID, err
}

// use has it noted that a presentation is used.
func (c *call) use(id uuid.UUID) {
	if c.Cache != nil { // tests of answers alone have none
		c.Cache.Use(id)
	}
}

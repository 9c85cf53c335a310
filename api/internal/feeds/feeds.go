// Package feeds is the feed's HTTP face: its routes and what they answer. openapi.yaml is its
// reference.
package feeds

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/limit"
)

const (
	// maxVote is how many bytes a vote may have.
	maxVote = 4 << 10
	// maxPoll is how many bytes a poll may have: each character takes up to twelve.
	maxPoll = 64 << 10
)

// BodyLimits are those of what people send.
var BodyLimits = web.BodyLimits{
	{End: "/vote", Bytes: maxVote, What: "a vote"},
	{End: web.Base + "/polls", Bytes: maxPoll, What: "a poll"},
}

// Config is what the feature is made of.
type Config struct {
	Operators   []uuid.UUID // accounts that may close and delete any poll
	CreateLimit int         // polls that one account may publish in a minute; 0: any number
	Door        *web.Door   // to creating something
}

// Services is what the routes work with.
type Services struct {
	*feed.Service
	Hub *live.Hub // that other features have, too
}

// Feeds is the feature. Its routes say that they are starting until its site is open.
type Feeds struct {
	Config
	*web.Site
	creation *limit.Limiter[uuid.UUID]

	served   atomic.Bool
	services *Services // from With on
	// Of the services.
	reads  *reads
	topics *topics
}

// call is one request with what it works with.
type call struct {
	web.Call
	*Services
	feeds *Feeds
}

func (c *call) pollID() (uuid.UUID, error) { return web.ParseID("poll_id", c.Params("id")) }

// poll reads the poll of the path. The read begins after the request came.
func (c *call) poll(ctx context.Context) (feed.Poll, error) {
	id, err := c.pollID()
	if err != nil {
		return feed.Poll{}, err
	}
	p, err := c.feeds.reads.Read(ctx, id)
	if err != nil {
		return feed.Poll{}, err
	}
	return *p, nil
}

// authored reads the poll of the path for its author, and for operators where they may do the same.
// NotFound comes before anything about tokens.
func (c *call) authored(ctx context.Context, operators bool) (p feed.Poll, err error) {
	if p, err = c.poll(ctx); err != nil {
		return p, err
	}
	switch {
	case p.Author == c.By && c.By != uuid.Nil:
	case operators && slices.Contains(c.feeds.Operators, c.By):
	case c.By == uuid.Nil:
		return p, c.LoggedIn()
	default:
		return p, fault.Errorf(fault.Forbidden, "this poll is not of this account")
	}
	return p, nil
}

// answerTo gives what the account of the request has answered to a poll; nil: nothing.
func (c *call) answerTo(ctx context.Context, id uuid.UUID) (*feed.Answer, error) {
	answers, err := c.answers(ctx, []uuid.UUID{id})
	if a, ok := answers[id]; ok {
		return &a, err
	}
	return nil, err
}

// answers gives what the account of the request has answered to polls.
func (c *call) answers(
	ctx context.Context, polls []uuid.UUID,
) (map[uuid.UUID]feed.Answer, error) {
	if c.By == uuid.Nil || len(polls) == 0 {
		return nil, nil
	}
	return c.Store.Answers(ctx, c.By, polls)
}

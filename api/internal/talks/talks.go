// Package talks is the talks feature's HTTP face: its routes and what they answer. openapi.yaml is
// its reference.
package talks

import (
	"context"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// maxRating is how many bytes a rating may have: a comment takes up to twelve for a character.
const maxRating = 16 << 10

// BodyLimits are those of what an audience sends.
var BodyLimits = web.BodyLimits{{End: "/ratings", Bytes: maxRating, What: "a rating"}}

// Config is what the feature is made of.
type Config struct {
	Open bool // everybody is every talk's owner

	CreateLimit int       // talks that one address may create in a minute; 0: any number
	PassLimit   int       // passes of one talk that an address gets in a minute; 0: any number
	Door        *web.Door // to creating something
}

// Services is what the routes work with.
type Services struct {
	*talk.Service
	Hub *live.Hub // that other features have, too
}

// Talks is the feature. Its routes say that they are starting until its site is open.
type Talks struct {
	Config
	*web.Site
	bounds *bounds

	served   atomic.Bool
	services *Services // from With on
	// Of the services.
	reads     *live.Reads[uuid.UUID, *encoded]
	topics    *topics
	programme *programme
}

// call is one request with what it works with.
type call struct {
	web.Call
	*Services
	talks *Talks
}

func (c *call) talkID() (uuid.UUID, error) { return web.ParseID("talk_id", c.Params("id")) }

// owns says whether the request is of a talk's owner.
func (c *call) owns(t *talk.Talk) bool {
	tokens := access.Tokens{TokenHash: t.TokenHash}
	return c.talks.Open || tokens.RoleOf(c.Token()) == access.Owner
}

// owned reads the talk of the path, for its owner. NotFound comes before anything about tokens.
func (c *call) owned(ctx context.Context) (t talk.Talk, err error) {
	id, err := c.talkID()
	if err != nil {
		return t, err
	}
	if t, err = c.Store.Talk(ctx, id); err != nil || c.owns(&t) {
		return t, err
	}
	if c.Token() == "" {
		return t, fault.Errorf(fault.Unauthenticated, "this needs the talk's token")
	}
	return t, fault.Errorf(fault.Forbidden, "this is not the token of this talk")
}

// Package talks is the talks feature's HTTP face: its routes and what they answer. openapi.yaml is
// its reference.
package talks

import (
	"context"
	"crypto/sha256"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

const (
	// maxRating is how many bytes a rating may have: a comment takes up to twelve for a character.
	maxRating = 16 << 10
	// maxFile is how many bytes an imported file may have. Most of it is descriptions, which are
	// not kept.
	maxFile = 4 << 20
	// maxExports is how many exports are sent at once. The talks of each take room besides.
	maxExports = 32
)

// BodyLimits are those of what an audience sends, and of what is larger than other bodies.
var BodyLimits = web.BodyLimits{
	{End: "/ratings", Bytes: maxRating, What: "a rating"},
	{End: "/talks/import", Bytes: maxFile, What: "a programme"},
}

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
	bounds  *bounds
	exports *budget.Turns // at being sent an export

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
	talks   *Talks
	account uuid.UUID // whose session the request has; Nil: none's
}

// identify takes note of the account that makes the request.
func (c *call) identify() (err error) {
	ctx, cancel := c.Timeout()
	defer cancel()
	c.account, err = c.Account(ctx)
	return err
}

func (c *call) talkID() (uuid.UUID, error) { return web.ParseID("talk_id", c.Params("id")) }

// holder gives what the request's Authorization is known by: a token's hash, or what stands for an
// account.
func (c *call) holder() [32]byte {
	if c.account != uuid.Nil {
		return access.OfAccount(c.account)
	}
	return sha256.Sum256([]byte(c.Token()))
}

// owns says whether the request is of a talk's owner.
func (c *call) owns(t *talk.Talk) bool { return c.talks.Open || t.Owns(c.holder()) }

// allow refuses a request that is not of a talk's owner.
func (c *call) allow(t *talk.Talk) error {
	switch {
	case c.owns(t):
		return nil
	case c.Token() == "":
		return fault.Errorf(fault.Unauthenticated, "this needs the talk's token")
	case c.account != uuid.Nil:
		return fault.Errorf(fault.Forbidden, "this talk is not of this account")
	}
	return fault.Errorf(fault.Forbidden, "this is not the token of this talk")
}

// owned reads the talk of the path, for its owner. NotFound comes before anything about tokens.
func (c *call) owned(ctx context.Context) (t talk.Talk, err error) {
	id, err := c.talkID()
	if err != nil {
		return t, err
	}
	if t, err = c.Store.Talk(ctx, id); err == nil {
		err = c.allow(&t)
	}
	return t, err
}

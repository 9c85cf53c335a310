package polls

import (
	"context"
	"crypto/sha256"
	"regexp"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

// roleOf gives the role of who makes the request.
func (c *call) roleOf(a *access.Tokens) access.Role {
	if c.polls.Open {
		return access.Owner
	}
	return a.Holds(c.holder())
}

// holder gives what the request's Authorization is known by: a token's hash, or what stands for an
// account.
func (c *call) holder() [32]byte {
	if c.account != uuid.Nil {
		return access.OfAccount(c.account)
	}
	return sha256.Sum256([]byte(c.Token()))
}

// role is roleOf where everybody may make the request. What is no token of the presentation's is as
// none. Without one nothing is read, nor asked whether there is such a presentation.
func (c *call) role(ctx context.Context, id uuid.UUID) (access.Role, error) {
	if c.polls.Open || c.Token() == "" {
		return c.roleOf(&access.Tokens{}), nil
	}
	a, err := c.Store.Access(ctx, id)
	return c.roleOf(&a), err
}

// need refuses a request of who has not at least a role, and gives the presentation's tokens.
// NotFound comes before anything about them.
func (c *call) need(ctx context.Context, id uuid.UUID, least access.Role) (access.Tokens, error) {
	a, err := c.Store.Access(ctx, id)
	if err == nil {
		err = c.allow(&a, least)
	}
	return a, err
}

// allow is need for who has read the tokens.
func (c *call) allow(a *access.Tokens, least access.Role) error {
	role := c.roleOf(a)
	switch {
	case role >= least:
		return nil
	case c.Token() == "":
		return fault.Errorf(fault.Unauthenticated, "this needs the presenter's token")
	case role == access.Remote:
		return fault.Errorf(fault.Forbidden,
			"a remote's token may only move slides, open or close voting, and hide answers")
	}
	if c.account != uuid.Nil {
		return fault.Errorf(fault.Forbidden, "this presentation is not of this account")
	}
	return fault.Errorf(fault.Forbidden,
		"this is not a token of this presentation, or not any more")
}

// grant puts other tokens in the place of a presentation's, for its owner.
func (c *call) grant(change func(*access.Tokens)) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	a, err := c.need(ctx, id, toGrant)
	if err != nil {
		return err
	}
	if err := c.polls.bounds.edit(id); err != nil {
		return err
	}
	owner := a.TokenHash
	change(&a)
	err = c.Stage.SetAccess(ctx, id, owner, a)
	if fault.Is(err, fault.Stale) { // whoever holds the old token has no say any more
		return fault.Errorf(fault.Forbidden, "this is not a token of this presentation any more")
	}
	return err
}

// aToken is what a client may draw as a token: as long as ours at the least.
var aToken = regexp.MustCompile(`^[A-Za-z0-9_-]{43,128}$`)

// postToken gives a new presenter's token, or takes the one that the client has drawn: whose answer
// is lost then still has it. The old one ends, and so does the remote's.
func postToken(c *call) error {
	token, hash := access.NewToken()
	if len(c.Request().Body()) > 0 {
		var body struct {
			Token string `json:"presenter_token"`
		}
		if err := c.Decode(&body); err != nil {
			return err
		}
		if !aToken.MatchString(body.Token) {
			return fault.Field("presenter_token",
				"must have 43 to 128 characters of A-Z a-z 0-9 - _, drawn at random")
		}
		token, hash = body.Token, sha256.Sum256([]byte(body.Token))
	}
	err := c.grant(func(a *access.Tokens) {
		*a = access.Tokens{TokenHash: hash, Account: a.Account}
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"presenter_token": token})
}

// postRemote gives a new remote's token. The old one ends.
func postRemote(c *call) error {
	token, hash := access.NewToken()
	if err := c.grant(func(a *access.Tokens) { a.RemoteHash = hash }); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"remote_token": token})
}

// postJoinCode gives a new join code. The old one names nothing from then on.
func postJoinCode(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	if _, err := c.need(ctx, id, toGrant); err != nil {
		return err
	}
	if err := c.polls.bounds.edit(id); err != nil {
		return err
	}
	code, err := freeCode(func(code string) error { return c.Stage.SetJoinCode(ctx, id, code) })
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"join_code": code})
}

// codeTries is how many join codes are tried. With a million presentations stored one in 400 codes
// is taken.
const codeTries = 10

// freeCode draws join codes until take takes one.
func freeCode(take func(code string) error) (code string, err error) {
	for range codeTries {
		code = access.NewCode()
		if err = take(code); fault.CodeOf(err) != fault.Conflict {
			break
		}
	}
	return code, err
}

package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

// Call is one request to a site.
type Call struct {
	*fiber.Ctx
	Site *Site
	By   uuid.UUID // the account whose session the request has, from Identify on; Nil: none's
}

// Timeout gives the context of a request's calls. It is not the request's own: Fiber ends that one
// as soon as the server begins to stop, when requests must still get their answers.
func (c *Call) Timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Site.Requests, CallTimeout)
}

// Turn takes a turn, and gives the context of what the request asks of the services meanwhile.
func (c *Call) Turn(turns *budget.Turns) (ctx context.Context, done func(), err error) {
	ctx, cancel := c.Timeout()
	end, err := turns.Take(ctx)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, func() { end(); cancel() }, nil
}

// Decode reads a JSON body into v.
func (c *Call) Decode(v any) error {
	if err := IsJSON(c.Ctx); err != nil {
		return err
	}
	return c.Unmarshal(v)
}

// DecodePlain is Decode that also refuses what encoding/json would put something else in the place
// of, or take for nothing.
func (c *Call) DecodePlain(v any) error {
	if err := c.Plain(); err != nil {
		return err
	}
	return c.Decode(v)
}

// Plain refuses a body that is not UTF-8, or a JSON null.
func (c *Call) Plain() error {
	body := c.Request().Body()
	switch {
	case !utf8.Valid(body):
		return fault.Field("body", "is no JSON: it is not UTF-8")
	case string(bytes.TrimSpace(body)) == "null":
		return fault.Field("body", "must not be a JSON null")
	}
	return nil
}

// Unmarshal reads the body into v. A large one takes a turn at what is costly: to decode a
// megabyte takes as long as some thousand votes.
func (c *Call) Unmarshal(v any) error {
	if len(c.Request().Body()) > SmallBody {
		ctx, cancel := c.Timeout()
		defer cancel()
		end, err := c.Site.Costly.TakeLong(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	return Unmarshal(c.Ctx, v)
}

// Unchanged is Unchanged of the package.
func (c *Call) Unchanged(tag string) bool { return Unchanged(c.Ctx, tag) }

// Shared answers with JSON that is sent to others, too. It is not copied, so nobody writes to it.
func (c *Call) Shared(body []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// GivePass answers with a pass, which is a person's secret.
func (c *Call) GivePass(status int, pass access.Pass) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).JSON(struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}{pass.Text, pass.Expires.UTC()})
}

// Token gives the token of the request's Authorization; empty: there is none.
func (c *Call) Token() string { return Bearer(c.Ctx) }

// Account gives the account whose session the request's Authorization has; Nil: it has none.
// Errors: as access.Sessions. A token of another form is told apart without a look-up.
func (c *Call) Account(ctx context.Context) (uuid.UUID, error) {
	token := c.Token()
	if !access.IsSession(token) {
		return uuid.Nil, nil
	}
	return c.accountOf(ctx, token)
}

// Identify takes note of the account that makes the request. Errors: as Account.
func (c *Call) Identify() (err error) {
	ctx, cancel := c.Timeout()
	defer cancel()
	c.By, err = c.Account(ctx)
	return err
}

// LoggedIn refuses a request that no account makes, from Identify on. Errors: NoSession.
func (c *Call) LoggedIn() error {
	if c.By == uuid.Nil {
		return fault.Errorf(access.NoSession, "this needs the token that log-in gives")
	}
	return nil
}

// Holder gives what the request's Authorization is known by, from Identify on: a token's hash, or
// what stands for an account.
func (c *Call) Holder() [32]byte {
	if c.By != uuid.Nil {
		return access.OfAccount(c.By)
	}
	return sha256.Sum256([]byte(c.Token()))
}

func (c *Call) accountOf(ctx context.Context, token string) (uuid.UUID, error) {
	if c.Site.Sessions == nil {
		return uuid.Nil, fault.Errorf(access.BadSession, "this server has no accounts")
	}
	return c.Site.Sessions.Account(ctx, token)
}

// Claimant gives the account that takes something over: the body shows the token that its log-in
// gave, since Authorization has what owns the thing. Errors: Invalid, and as access.Sessions.
func (c *Call) Claimant(ctx context.Context) (uuid.UUID, error) {
	var body struct {
		Token string `json:"account_token"`
	}
	if err := c.Decode(&body); err != nil {
		return uuid.Nil, err
	}
	if !access.IsSession(body.Token) {
		return uuid.Nil, fault.Field("account_token", "must be a token that log-in gives")
	}
	return c.accountOf(ctx, body.Token)
}

// Client gives the address of the client.
func (c *Call) Client() netip.Addr { return c.Site.TrustedProxies.Client(c.Ctx) }

// Address is by what the sender of a request is limited.
func (c *Call) Address() netip.Prefix { return limit.Address(c.Client()) }

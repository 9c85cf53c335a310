package accounts

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

// logInPage is the page that browsers are sent to when they come back from a provider. What it is
// told stands behind "#", so that no log and no other server has it.
const logInPage = "/login#"

// ticketName is that of the cookie by which a browser finishes the log-in that it has begun. It is
// the only cookie there is, and no other call looks at it.
func (s *Accounts) ticketName() string {
	if s.Secure { // browsers take one of this name from this host alone, and by https
		return "__Host-plenary-log-in"
	}
	return "plenary-log-in"
}

// keep has the browser keep a ticket for as long as a log-in takes. Empty: it forgets it. The
// cookie comes along when the browser is sent back by another site (Lax), and no script sees it.
func (c *call) keep(ticket string) {
	cookie := &fiber.Cookie{
		Name: c.accounts.ticketName(), Value: ticket, Path: "/", HTTPOnly: true,
		Secure: c.accounts.Secure, SameSite: fiber.CookieSameSiteLaxMode,
		MaxAge: int(account.AttemptLife / time.Second),
	}
	if ticket == "" {
		cookie.MaxAge, cookie.Expires = 0, longAgo
	}
	c.Cookie(cookie)
}

// longAgo is when a cookie ended that is to be forgotten.
var longAgo = time.Unix(1, 0)

// sent sends a browser on. Nothing may keep where to, or tell it to others.
func (c *call) sent(to string) error {
	c.secret()
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return c.Redirect(to, http.StatusSeeOther)
}

// told sends a browser to the page that says why a log-in failed.
func (c *call) told(err error) error {
	code := fault.CodeOf(err)
	if code == (fault.Code{}) {
		return err
	}
	if code.Kind == fault.Unavailable.Kind {
		c.Site.Logger.Warn("a log-in by the provider failed", "error", err)
	} else {
		c.Site.Logger.Info("a log-in by the provider was refused", slog.Any("reason", err))
	}
	return c.sent(logInPage + url.Values{"problem": {code.Name}}.Encode())
}

// beginLogIn sends a browser to the provider.
func beginLogIn(c *call, ctx context.Context) error {
	if c.accounts.elsewhere == nil {
		return noProvider()
	}
	to, ticket, err := c.accounts.elsewhere.Begin(ctx)
	if err != nil {
		return c.told(err)
	}
	c.keep(ticket)
	return c.sent(to)
}

// finishLogIn is where the provider sends browsers back to. One that comes for nothing counts as a
// wrong password does: who tries codes out must not try many.
func finishLogIn(c *call, ctx context.Context) error {
	if c.accounts.elsewhere == nil {
		return noProvider()
	}
	tries := c.accounts.guesses.addresses
	if wait := tries.Take(c.Address()); wait > 0 {
		return c.told(fault.BusyFor(wait, "too many wrong log-ins came from this address"))
	}
	// what Fiber gives is its own: it uses it again
	session, err := c.accounts.elsewhere.Finish(ctx, account.Return{
		Ticket: strings.Clone(c.Cookies(c.accounts.ticketName())),
		State:  strings.Clone(c.Query("state")), Code: strings.Clone(c.Query("code")),
		Error: strings.Clone(c.Query("error")),
	})
	if !fault.Is(err, account.BadAttempt) {
		tries.Give(c.Address())
	}
	c.keep("")
	if err != nil {
		return c.told(err)
	}
	return c.sent(logInPage + url.Values{
		"session":    {session.Token},
		"expires_at": {session.Expires.UTC().Format(time.RFC3339)},
	}.Encode())
}

func noProvider() error {
	return fault.Errorf(account.NoProvider, "nobody logs in by a provider here")
}

// Package accounts is the HTTP face of accounts: its routes and what they answer. openapi.yaml is
// its reference. What accounts own is listed by the feature that keeps it, below /users/me.
package accounts

import (
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/limit"
)

// maxBody is how many bytes a body of the feature's has.
const maxBody = 4 << 10

// BodyLimits are those of what people send.
var BodyLimits = web.BodyLimits{
	{End: web.Base + "/auth/register", Bytes: maxBody, What: "an account"},
	{End: web.Base + "/auth/login", Bytes: maxBody, What: "an account"},
	{End: web.Base + "/auth/reset", Bytes: maxBody, What: "an account"},
	{End: web.Base + "/auth/forgot", Bytes: maxBody, What: "an account"},
	{End: web.Base + "/users/me", Bytes: maxBody, What: "an account"},
	{End: web.Base + "/users/me/password", Bytes: maxBody, What: "an account"},
}

// Config is what the feature is made of.
type Config struct {
	TokenTTL       time.Duration // of a session
	RegisterLimit  int           // accounts that one address may make in a minute; 0: any number
	WrongPasswords int           // for one account in a minute; 0: any number
	MailLimit      int           // letters to one address in an hour; 0: any number
	Secure         bool          // browsers come by https
}

// Services are what the routes work with.
type Services struct {
	Store    account.Store
	Key      []byte           // of sessions
	Letters  *account.Letters // nil: none are sent
	Provider account.Provider // nil: nobody logs in by one
}

// Accounts is the feature. Its routes say that they are starting until its site is open.
type Accounts struct {
	Config
	*web.Site
	registering *limit.Limiter[netip.Prefix]
	guesses     *guesses
	forgotten   *forgotten

	// from With on
	service   *account.Service
	letters   *account.Letters   // nil: none are sent
	elsewhere *account.Elsewhere // nil: nobody logs in by a provider
}

// With gives the routes their services, and the site its sessions. It is called once, before the
// site is opened.
func (s *Accounts) With(services Services) (err error) {
	s.service, err = account.NewService(services.Store, services.Key, s.TokenTTL)
	if err != nil {
		return err
	}
	s.Sessions, s.letters = s.service.Sessions(), services.Letters
	if services.Provider != nil {
		s.elsewhere = account.NewElsewhere(s.service, services.Provider, services.Key, time.Now)
	}
	return nil
}

// Spare implements server.Feature: there is nothing to spare.
func (s *Accounts) Spare() bool { return false }

// call is one request with what it works with.
type call struct {
	web.Call
	*account.Service
	accounts *Accounts
	id       uuid.UUID // of the account that makes the request
}

// secret says that nothing may keep the answer.
func (c *call) secret() { c.Set(fiber.HeaderCacheControl, "no-store") }

// guarded gives a service whose checks of passwords are bounded, or refuses what is over a bound
// already. Nothing was read for it then.
func (c *call) guarded(at target) (*account.Service, error) {
	who := guess{at, c.Address()}
	return c.Guarded(c.accounts.guesses.guard(who)), c.accounts.guesses.full(who)
}

// own is guarded for the account that makes the request: who has found its token must not try out
// many passwords.
func (c *call) own() (*account.Service, error) { return c.guarded(access.OfAccount(c.id)) }

package accounts

import (
	"context"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

// New adds the feature's routes to a site.
func New(site *web.Site, cfg Config) *Accounts {
	rate := limit.Rate{PerMinute: cfg.RegisterLimit, Burst: cfg.RegisterLimit}
	s := &Accounts{
		Config: cfg, Site: site, registering: limit.New[netip.Prefix](rate, time.Now),
		guesses:   newGuesses(cfg.WrongPasswords, time.Now),
		forgotten: newForgotten(cfg.MailLimit, time.Now),
	}
	s.routes(site.App.Group(web.Base))
	return s
}

// Name is the feature's.
func (s *Accounts) Name() string { return "accounts" }

func (s *Accounts) routes(v1 fiber.Router) {
	v1.Post("/auth/register", s.with(register))
	v1.Post("/auth/login", s.free(logIn))
	v1.Post("/auth/logout", s.own(logOut))
	v1.Post("/auth/forgot", s.with(forgotPassword))
	v1.Post("/auth/reset", s.with(resetPassword))
	v1.Get("/auth/oidc", s.free(beginLogIn))
	v1.Get("/auth/oidc/callback", s.free(finishLogIn))
	v1.Get("/users/me", s.own(getMe))
	v1.Patch("/users/me", s.own(patchMe))
	v1.Delete("/users/me", s.own(deleteMe))
	v1.Post("/users/me/password", s.own(postPassword))
}

// with gives a route the services, and limits it by address.
func (s *Accounts) with(route func(*call, context.Context) error) fiber.Handler {
	return s.Limited(s.free(route))
}

// free gives a route the services. A hall logs in by it, and it has limits of its own.
func (s *Accounts) free(route func(*call, context.Context) error) fiber.Handler {
	return s.Unlimited(func(c *fiber.Ctx) error {
		call := &call{Call: web.Call{Ctx: c, Site: s.Site}, Service: s.service, accounts: s}
		ctx, cancel := call.Timeout()
		defer cancel()
		return route(call, ctx)
	})
}

// own gives a route the services and the account that makes the request, or refuses it.
func (s *Accounts) own(route func(*call, context.Context) error) fiber.Handler {
	return s.with(func(c *call, ctx context.Context) (err error) {
		if err = c.Identify(); err == nil {
			err = c.LoggedIn()
		}
		if err != nil {
			return err
		}
		return gone(route(c, ctx))
	})
}

// gone has an account that was deleted meanwhile be one whose session has ended.
func gone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Errorf(access.EndedSession, "the account of this session is gone")
	}
	return err
}

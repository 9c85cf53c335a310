package web

import (
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

// Header fields of every answer that is limited, of a refusal, too. They tell of the bound that
// has the least left.
const (
	headerLimit     = "X-RateLimit-Limit"     // requests at once
	headerRemaining = "X-RateLimit-Remaining" // of them, now
	headerReset     = "X-RateLimit-Reset"     // seconds until all of them are back
)

// Limited makes a handler that asks the Counter first. A request over the limit is refused, and
// nothing is done. It counts for the account that makes it, else for the address.
func (s *Site) Limited(route fiber.Handler) fiber.Handler {
	if s.Counter == nil {
		return route
	}
	return func(c *fiber.Ctx) error {
		key, whose := s.countsFor(c)
		a, err := s.Counter.Take(s.Requests, key)
		if err != nil {
			return err
		}
		if a.Limit == 0 {
			return route(c)
		}
		c.Set(headerLimit, strconv.Itoa(a.Limit))
		c.Set(headerRemaining, strconv.Itoa(a.Remaining))
		c.Set(headerReset, seconds(a.Reset))
		if !a.OK() {
			return fault.BusyFor(a.Wait, "too many requests came from this %s", whose)
		}
		return route(c)
	}
}

// Serving is Unlimited for a route that is limited.
func (s *Site) Serving(route fiber.Handler) fiber.Handler { return s.Limited(s.Unlimited(route)) }

// countsFor says for whom a request counts. No address has the key of an account.
func (s *Site) countsFor(c *fiber.Ctx) (key, whose string) {
	if account := s.holder(c); account != uuid.Nil {
		return "account:" + account.String(), "account"
	}
	return "address:" + limit.Address(s.TrustedProxies.Client(c)).String(), "address"
}

// holder gives the account whose session a request has; Nil: it has none. Nothing is looked up: a
// request over the limit costs no more than a signature.
func (s *Site) holder(c *fiber.Ctx) uuid.UUID {
	token := Bearer(c)
	if !access.IsSession(token) || !s.TryEnter() { // Sessions are there while the site is open
		return uuid.Nil
	}
	defer s.Leave()
	if s.Sessions == nil {
		return uuid.Nil
	}
	return s.Sessions.Holder(token)
}

// seconds writes a time as whole seconds, after which it is over.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

package web

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

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

// Rate is how often somebody may ask for anything.
type Rate struct {
	Counter limit.Counter // nil: there is no limit
	// Account names the account that makes a request; "": none does. nil: nobody has one.
	Account func(*fiber.Ctx) string
}

// limited is Limited of a site.
func (r Rate) limited(ctx context.Context, proxies Proxies, route fiber.Handler) fiber.Handler {
	if r.Counter == nil {
		return route
	}
	return func(c *fiber.Ctx) error {
		key, whose := r.key(c, proxies)
		a, err := r.Counter.Take(ctx, key)
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

// key says for whom a request counts.
func (r Rate) key(c *fiber.Ctx, proxies Proxies) (key, whose string) {
	if r.Account != nil {
		if account := r.Account(c); account != "" {
			return "account:" + account, "account"
		}
	}
	return "address:" + limit.Address(proxies.Client(c)).String(), "address"
}

// seconds writes a time as whole seconds, after which it is over.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

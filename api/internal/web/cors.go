package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// What a page of another origin may send to the API and read of its answers
// (https://fetch.spec.whatwg.org/#http-cors-protocol). No answer depends on cookies, so none
// allows them.
const (
	allowedHeaders = "Accept, Authorization, Cache-Control, Content-Type, Idempotency-Key, " +
		"If-Match, If-None-Match, Last-Event-ID, " +
		"Prefer, X-Create-Key, X-Request-Id"
	exposedHeaders = "Allow, Content-Disposition, ETag, Link, Location, Preference-Applied, " +
		"Retry-After, Vote-Superseded, WWW-Authenticate, " +
		"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, X-Vote-Id"
	preflightAge = "86400" // seconds: a day
)

// anyOrigin stands for all of them.
const anyOrigin = "*"

// origins are those of pages that may use the API.
type origins []string

// say lets a page of an allowed origin read the answer to a call of the API. Answers that may be
// kept say that they depend on who asks.
func (all origins) say(c *fiber.Ctx) {
	if len(all) == 0 || !strings.HasPrefix(c.Path(), Base+"/") {
		return
	}
	if method := c.Method(); method == http.MethodGet || method == http.MethodHead ||
		method == http.MethodOptions {
		c.Vary(fiber.HeaderOrigin)
	}
	if allowed := all.allowed(c); allowed != "" {
		c.Set(fiber.HeaderAccessControlAllowOrigin, allowed)
		c.Set(fiber.HeaderAccessControlExposeHeaders, exposedHeaders)
	}
}

// allowed gives what the answer says; empty: the request comes from no page, or from one that is
// not allowed.
func (all origins) allowed(c *fiber.Ctx) string {
	origin := c.Get(fiber.HeaderOrigin)
	switch {
	case origin == "":
		return ""
	case slices.Contains(all, anyOrigin):
		return anyOrigin
	case slices.Contains(all, origin):
		return origin
	}
	return ""
}

// preflight adds what a browser asks before it sends a request that no form could send.
func preflight(c *fiber.Ctx, methods []string) {
	if c.Get(fiber.HeaderAccessControlRequestMethod) == "" ||
		c.GetRespHeader(fiber.HeaderAccessControlAllowOrigin) == "" {
		return
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, strings.Join(methods, ", "))
	c.Set(fiber.HeaderAccessControlAllowHeaders, allowedHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, preflightAge)
}

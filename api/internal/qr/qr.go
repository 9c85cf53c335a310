// Package qr draws QR codes: of the link by which people join, and of any short text, such as a
// presenter's own link.
package qr

import (
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

// maxText is how many bytes a text may have. It fits into a code that a phone can read from a
// screen.
const maxText = 1 << 10

// Mount gives what serves the codes. Join links lead to the public address, which is such as
// config gives it. Where that is empty, they lead to the host that was asked. Where believe says
// so of the peer, they lead to the host that the peer says was asked. Errors are fiber's and the
// domain's, for the app to answer. A code that is not known yet is drawn in a turn of turns.
func Mount(public string, believe func(peer net.Addr) bool,
	turns *budget.Turns) func(fiber.Router) {
	drawn := newCache(turns)
	return func(r fiber.Router) {
		r.Get("/qr.svg", func(c *fiber.Ctx) error { return joinLink(c, drawn, public, believe) })
		r.Post("/qr.svg", func(c *fiber.Ctx) error { return text(c, drawn) })
	}
}

// joinLink draws the link that the query's join code stands for.
func joinLink(c *fiber.Ctx, drawn *cache, base string, believe func(net.Addr) bool) (err error) {
	code := access.CleanCode(c.Query("code"))
	if !access.IsCode(code) {
		return fault.Field("code", "must be a join code")
	}
	if base == "" {
		if base, err = origin(c, believe(c.Context().RemoteAddr())); err != nil {
			return err
		}
		c.Vary(fiber.HeaderXForwardedProto, fiber.HeaderXForwardedHost)
	}
	// Nobody keeps it without asking again: after a start with another public address it leads
	// elsewhere.
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	return send(c, drawn, []byte(base+"/join/"+code))
}

// text draws the body.
func text(c *fiber.Ctx, drawn *cache) error {
	media, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	charset := strings.ToLower(params["charset"])
	encoding := c.Get(fiber.HeaderContentEncoding)
	if err != nil || media != fiber.MIMETextPlain ||
		charset != "" && charset != "utf-8" && charset != "us-ascii" ||
		encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fiber.ErrUnsupportedMediaType
	}
	body := c.Request().Body() // as it came: Fiber's own would unpack it
	switch {
	case len(body) == 0:
		return fault.Field("body", "must not be empty")
	case len(body) > maxText:
		return fiber.ErrRequestEntityTooLarge
	case !utf8.Valid(body):
		return fault.Field("body", "must be UTF-8")
	}
	c.Set(fiber.HeaderCacheControl, "no-store") // it may hold a presenter's token
	return send(c, drawn, body)
}

// host is a name or an address, with or without a port.
var host = regexp.MustCompile(
	`^([A-Za-z0-9]([A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// origin gives how the client has reached the service: as a proxy says that passed its request on,
// else as the request says.
func origin(c *fiber.Ctx, proxy bool) (string, error) {
	scheme := "http"
	if c.Context().IsTLS() {
		scheme = "https"
	}
	if forwarded := first(c.Get(fiber.HeaderXForwardedProto)); proxy && forwarded != "" {
		if scheme = strings.ToLower(forwarded); scheme != "http" && scheme != "https" {
			return "", fault.Field(fiber.HeaderXForwardedProto, "must be http or https")
		}
	}
	from, name := fiber.HeaderXForwardedHost, first(c.Get(fiber.HeaderXForwardedHost))
	if !proxy || name == "" {
		from, name = fiber.HeaderHost, string(c.Request().Host())
	}
	if !host.MatchString(name) {
		return "", fault.Field(from, "must be the name of a host")
	}
	return scheme + "://" + name, nil
}

// first gives the first of a list's values, which the proxy wrote that the client has reached.
func first(list string) string {
	value, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(value)
}

func send(c *fiber.Ctx, drawn *cache, text []byte) error {
	d, err := drawn.draw(text)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, d.tag)
	if c.Method() != http.MethodPost && c.Get(fiber.HeaderIfNoneMatch) != "" && c.Fresh() {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, "image/svg+xml")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'")
	return c.Send(d.svg)
}

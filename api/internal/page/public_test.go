package page

import (
	"html"
	"regexp"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

func TestEveryPageKnowsThePublicAddressIfThereIsOne(t *testing.T) {
	said := regexp.MustCompile(`<meta name="public-url" content="([^"]*)">`)
	for _, public := range []string{"https://vote.example:8443", "http://[2001:db8::1]:80", `http://"><script>`} {
		p, err := New(public, false)
		require.NoError(t, err)
		app := fiber.New()
		p.Routes(app)
		for _, path := range append(paths(), "/nothing/is/here") {
			found := said.FindStringSubmatch(body(t, ask(t, app, path)))
			require.Len(t, found, 2, path)
			require.Equal(t, public, html.UnescapeString(found[1]), path)
		}
	}
	app, _ := newSite(t)
	for _, path := range paths() {
		require.NotContains(t, body(t, ask(t, app, path)), "public-url", path)
	}
}

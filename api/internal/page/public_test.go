package page

import (
	"html"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

func TestEveryPageKnowsThePublicAddressIfThereIsOne(t *testing.T) {
	said := regexp.MustCompile(`<meta name="public-url" content="([^"]*)">`)
	for _, public := range []string{"https://vote.example:8443", "http://[2001:db8::1]:80",
		`http://"><script>`} {
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

// siteBelow serves the pages for a public address with a path, of which a proxy or the server has
// taken that path off.
func siteBelow(t *testing.T, public string, createKey bool) *fiber.App {
	t.Helper()
	p, err := New(public, createKey)
	require.NoError(t, err)
	app := fiber.New()
	p.Routes(app)
	return app
}

// TestNoPageLeadsOutOfThePathThatTheServerLivesUnder: what the browser asks for by itself, links
// and forms.
func TestNoPageLeadsOutOfThePathThatTheServerLivesUnder(t *testing.T) {
	app := siteBelow(t, "https://host.example/our/polls", true)
	leads := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	for _, p := range append(paths(), "/nothing/is/here") {
		html := body(t, ask(t, app, p))
		all := leads.FindAllStringSubmatch(html, -1)
		require.NotEmpty(t, all, p)
		for _, m := range all {
			if m[1] == "#main" {
				continue
			}
			below, ok := strings.CutPrefix(m[1], "/our/polls/")
			require.True(t, ok, "%s leads to %s", p, m[1])
			if strings.HasPrefix(below, "assets/") {
				require.Equal(t, 200, ask(t, app, "/"+below).StatusCode, below)
			}
		}
	}
}

// TestModulesKnowAddressesOfThisServerFromOnePlace: one that spells out a path from the top would
// leave the server's own.
func TestModulesKnowAddressesOfThisServerFromOnePlace(t *testing.T) {
	all, err := read(files, "assets")
	require.NoError(t, err)
	top := regexp.MustCompile(
		"(?:href[:=] ?|src ?= ?|assign\\(|replace\\(|fetch\\(|open\\(|replaceState\\([^)]*, " +
			")[\"'`]/[a-z$]|\\?\\? location\\.pathname|location\\.pathname\\.split")
	for name, text := range all {
		if path.Ext(name) == ".js" && name != "address.js" {
			require.NotRegexp(t, top, string(text), name)
			require.NotContains(t, string(text), `"/api/v1`, name)
		}
	}
}

// TestOnlyThePagesOfTheAudienceMayBeInAFrameAndOnlyOfWhomTheOperatorNames: every other page, and
// those of nowhere, are in none.
func TestOnlyThePagesOfTheAudienceMayBeInAFrameAndOnlyOfWhomTheOperatorNames(t *testing.T) {
	p, err := New("", false, "https://one.example", "http://two.example:8080")
	require.NoError(t, err)
	app := fiber.New()
	p.Routes(app)
	named := strings.TrimSuffix(policy, "'none'") + "https://one.example http://two.example:8080"
	framed := []string{"/join/BCD234", "/p/" + someID, "/results/" + someID}
	require.Subset(t, paths(), framed)
	for _, path := range append(paths(), "/nothing/is/here", "/p/x", "/results/x") {
		want := policy
		if slices.Contains(framed, path) {
			want = named
		}
		for _, lang := range []string{"en", "de", "ar"} {
			res := ask(t, app, path, "Accept-Language", lang)
			require.Equal(t, []string{want}, res.Header.Values("Content-Security-Policy"), path)
			require.Empty(t, res.Header.Values("X-Frame-Options"), "an old browser would go by it")
		}
	}
}

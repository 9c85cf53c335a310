package page

import (
	"fmt"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/account"
)

func TestThePagesOfAnAccountKnowWhatTheAPITakes(t *testing.T) {
	text, err := files.ReadFile("assets/accountform.js")
	require.NoError(t, err)
	require.Contains(t, string(text), fmt.Sprintf(
		"const most = { username: %d, least: %d, password: %d };",
		account.MaxUsername, account.MinPassword, account.MaxPassword))
	_, p := newSite(t)
	for _, l := range p.languages.all {
		hint, err := l.text("account.password_hint")
		require.NoError(t, err)
		require.Contains(t, hint, fmt.Sprint(account.MinPassword), l.tag)
	}
}

// TestAProviderOfLogInsIsOfferedWhereThereIsOne by the name of its host.
func TestAProviderOfLogInsIsOfferedWhereThereIsOne(t *testing.T) {
	app, _ := newSite(t)
	require.NotContains(t, body(t, ask(t, app, "/login")), "/auth/oidc")
	p, err := New("https://host.example/our/polls", false)
	require.NoError(t, err)
	require.Error(t, p.Offer("https://%zz"))
	require.NoError(t, p.Offer("https://login.example/tenant"))
	app = fiber.New()
	p.Routes(app)
	for _, lang := range []string{"en", "de", "ar"} {
		html := body(t, ask(t, app, "/login", "Accept-Language", lang))
		require.Contains(t, html, `href="/our/polls/api/v1/auth/oidc"`)
		require.Contains(t, html, "<bdi>login.example</bdi>")
	}
	require.NoError(t, p.Offer(""))
	require.NotContains(t, body(t, ask(t, app, "/login")), "/auth/oidc")
}

// TestABrowserOf2019CanLogIn holds the pages that an audience needs where voters log in.
func TestABrowserOf2019CanLogIn(t *testing.T) {
	areUnderstoodIn2019(t, "login", "register", "forgot", "account")
}

// areUnderstoodIn2019 looks at all modules of pages.
func areUnderstoodIn2019(t *testing.T, pages ...string) {
	t.Helper()
	_, p := newSite(t)
	for _, name := range pages {
		modules, err := p.assets.modules(name + ".js")
		require.NoError(t, err)
		for _, module := range modules {
			text, err := files.ReadFile("assets/" + module)
			require.NoError(t, err)
			assert.Empty(t, newer(string(text)), module)
		}
	}
}

// TestTheLinkThatSetsAPasswordLeadsToAPage holds what operators and letters give people.
func TestTheLinkThatSetsAPasswordLeadsToAPage(t *testing.T) {
	app, _ := newSite(t)
	link := account.ResetLink("", "token")
	require.Regexp(t, `^/account#reset=`, link)
	require.Equal(t, 200, ask(t, app, "/account").StatusCode)
	text, err := files.ReadFile("assets/account.js")
	require.NoError(t, err)
	require.Contains(t, string(text), `.get("reset")`)
}

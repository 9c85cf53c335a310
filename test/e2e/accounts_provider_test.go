package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/account/accountoidc/oidctest"
	"github.com/plenary-live/plenary/test/stack"
)

const callback = "/api/v1/auth/oidc/callback"

// byProvider starts a system by whose provider people log in. The browsers of the tests know what
// stands behind its public address.
func byProvider(t *testing.T, public string, cfg stack.Config) (site, *oidctest.Provider) {
	t.Helper()
	there := oidctest.Start(t, public+callback)
	cfg.APIEnv = append([]string{
		"PLENARY_PUBLIC_URL=" + public, "PLENARY_OIDC_ISSUER=" + there.Issuer,
		"PLENARY_OIDC_CLIENT_ID=" + oidctest.ClientID,
		"PLENARY_OIDC_CLIENT_SECRET=" + oidctest.ClientSecret,
	}, cfg.APIEnv...)
	s, _ := own(t, cfg)
	return s, there
}

// embeddedAPI is the smallest system.
var embeddedAPI = stack.Config{Parts: stack.API, APIs: 1}

// comeBack is what a browser brings back from the provider: its cookie, and the address's query.
type comeBack struct {
	cookie string
	query  url.Values
}

// begin has a browser begin a log-in and go to the provider.
func (c *Client) begin(t *testing.T) comeBack {
	t.Helper()
	a := c.Do(Request{Method: "GET", Path: Base + "/auth/oidc", Stays: true})
	require.Equal(t, 303, a.Status, "%v", a)
	cookie, err := http.ParseSetCookie(a.Header.Get("Set-Cookie"))
	require.NoError(t, err)
	browser := http.Client{Transport: transport, CheckRedirect: stay, Timeout: wait}
	res, err := browser.Get(a.Header.Get("Location"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	back, err := res.Location()
	require.NoError(t, err)
	return comeBack{cookie.Name + "=" + cookie.Value, back.Query()}
}

// finish has a browser come back. It gives what the page is told.
func (c *Client) finish(t *testing.T, b comeBack, address string) url.Values {
	t.Helper()
	a := c.Do(Request{
		Method: "GET", Path: callback + "?" + b.query.Encode(), Stays: true,
		Header: map[string]string{"Cookie": b.cookie, "X-Forwarded-For": address},
	})
	require.Equal(t, 303, a.Status, "%v", a)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", a.Header.Get("Referrer-Policy"))
	_, told, found := strings.Cut(a.Header.Get("Location"), "/login#")
	require.True(t, found, "%v", a)
	values, err := url.ParseQuery(told)
	require.NoError(t, err)
	return values
}

const someAddress = "192.0.2.1"

func TestAPersonLogsInByAProviderAgainAndAgain(t *testing.T) {
	s, there := byProvider(t, "http://vote.example/polls",
		stack.Config{Parts: stack.PostgreSQL | stack.API, APIs: 1})
	told := s.finish(t, s.begin(t), someAddress)
	expires, err := time.Parse(time.RFC3339, told.Get("expires_at"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), expires, time.Hour)
	p := &Person{Client: s.Client, Token: told.Get("session")}
	var me Me
	require.NoError(t, p.call("GET", "/users/me", nil).Decode(&me))
	require.Equal(t, there.Claims["email"], me.Email)
	require.Equal(t, "Anna Ünal", me.Username)
	r := p.Own(NewPresentation{Polls: []NewPoll{choice("Now")}})
	p.Token = s.finish(t, s.begin(t), someAddress).Get("session")
	require.Equal(t, 200, r.Do(Request{
		Method: "GET", Path: r.Path("/export"), Token: p.Token,
	}).Status, "a second log-in is to the same account")
}

func TestTheCookieOfALogInIsForOneBrowserAndAFewMinutes(t *testing.T) {
	for public, name := range map[string]string{
		"https://vote.example": "__Host-plenary-log-in", "http://vote.example": "plenary-log-in",
	} {
		s, _ := byProvider(t, public, embeddedAPI)
		a := s.Do(Request{Method: "GET", Path: Base + "/auth/oidc", Stays: true})
		cookie, err := http.ParseSetCookie(a.Header.Get("Set-Cookie"))
		require.NoError(t, err)
		require.Equal(t, name, cookie.Name)
		require.Equal(t, strings.HasPrefix(public, "https"), cookie.Secure)
		require.True(t, cookie.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		require.Equal(t, "/", cookie.Path)
		require.Empty(t, cookie.Domain)
		require.Equal(t, 600, cookie.MaxAge)
		to, err := url.Parse(a.Header.Get("Location"))
		require.NoError(t, err)
		for _, part := range []string{"state", "nonce", "code_challenge"} {
			require.Len(t, to.Query().Get(part), 43)
			require.NotContains(t, cookie.Value, to.Query().Get(part))
		}
		require.Equal(t, "S256", to.Query().Get("code_challenge_method"))
		back := s.begin(t)
		a = s.Do(Request{
			Method: "GET", Path: callback + "?" + back.query.Encode(), Stays: true,
			Header: map[string]string{"Cookie": back.cookie},
		})
		gone, err := http.ParseSetCookie(a.Header.Get("Set-Cookie"))
		require.NoError(t, err)
		require.Equal(t, name, gone.Name)
		require.Empty(t, gone.Value)
		require.True(t, gone.Expires.Before(time.Now()))
	}
}

func TestALogInThatThisBrowserHasNotBegunIsRefused(t *testing.T) {
	s, there := byProvider(t, "http://vote.example",
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_WRONG_PASSWORDS=1000"}})
	mine, other := s.begin(t), s.begin(t)
	with := func(b comeBack, name, value string) comeBack {
		query := url.Values{}
		for k, v := range b.query {
			query[k] = v
		}
		query.Set(name, value)
		return comeBack{b.cookie, query}
	}
	for name, wrong := range map[string]comeBack{
		"no cookie":        {"", mine.query},
		"another's cookie": {other.cookie, mine.query},
		"a forged cookie":  {mine.cookie[:len(mine.cookie)-2] + "AA", mine.query},
		"a long cookie":    {mine.cookie + strings.Repeat("A", 5000), mine.query},
		"a forged state":   with(mine, "state", "forged"),
		"no state":         with(mine, "state", ""),
		"another's code":   with(mine, "code", other.query.Get("code")),
		"no code":          with(mine, "code", ""),
		"garbage":          with(mine, "code", "\x00☃\r\nSet-Cookie: a=b"),
		"a long code":      with(mine, "code", strings.Repeat("A", 5000)),
		"nothing":          {"", url.Values{}},
		"an error":         {"", url.Values{"error": {"access_denied"}}},
	} {
		told := s.finish(t, wrong, someAddress)
		require.Equal(t, url.Values{"problem": {"invalid_log_in"}}, told, name)
	}
	require.NotEmpty(t, s.finish(t, mine, someAddress).Get("session"))
	require.Equal(t, "invalid_log_in", s.finish(t, mine, someAddress).Get("problem"), "once")

	for problem, change := range map[string]func(map[string]any){
		"invalid_log_in":   func(c map[string]any) { c["nonce"] = "another" },
		"email_unverified": func(c map[string]any) { c["email_verified"], c["sub"] = false, "new" },
	} {
		there.Change = change
		require.Equal(t, problem, s.finish(t, s.begin(t), someAddress).Get("problem"))
	}
	there.Change, there.Error = nil, "access_denied"
	require.Equal(t, "log_in_refused", s.finish(t, s.begin(t), someAddress).Get("problem"))
	there.Error, there.Refuse = "", "server_error"
	require.Equal(t, "unavailable", s.finish(t, s.begin(t), someAddress).Get("problem"))
}

func TestWrongLogInsByAProviderAreLimitedByAddressAndRightOnesAreNot(t *testing.T) {
	s, _ := byProvider(t, "http://vote.example",
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{
			"PLENARY_WRONG_PASSWORDS=1", "PLENARY_RATE_LIMIT=10", "PLENARY_BURST_LIMIT=0",
		}})
	for range 20 { // a hall logs in behind one address
		require.NotEmpty(t, s.finish(t, s.begin(t), someAddress).Get("session"))
	}
	for range 10 {
		require.Equal(t, "invalid_log_in", s.finish(t, comeBack{}, someAddress).Get("problem"))
	}
	back := s.begin(t)
	require.Equal(t, "too_many_requests", s.finish(t, back, someAddress).Get("problem"))
	require.NotEmpty(t, s.finish(t, back, "192.0.2.2").Get("session"))
}

func TestAServerStartsThoughTheProviderIsAway(t *testing.T) {
	there := oidctest.Start(t, "http://vote.example"+callback)
	there.Stop()
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{
		"PLENARY_PUBLIC_URL=http://vote.example", "PLENARY_OIDC_ISSUER=" + there.Issuer,
		"PLENARY_OIDC_CLIENT_ID=" + oidctest.ClientID,
	}})
	a := s.Do(Request{Method: "GET", Path: Base + "/auth/oidc", Stays: true})
	require.Equal(t, 303, a.Status, "%v", a)
	require.Equal(t, "/login#problem=unavailable", a.Header.Get("Location"))
	require.Empty(t, a.Header.Get("Set-Cookie"))
	s.Register()
}

func TestAServerWithoutAProviderSaysSo(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for _, path := range []string{
			Base + "/auth/oidc", callback, callback + "?state=%00&code=%E2%98%83",
		} {
			a := s.Do(Request{Method: "GET", Path: path, Stays: true})
			require.Equal(t, "404 no_provider", a.Code(), path)
			require.Empty(t, a.Header.Get("Set-Cookie"))
			require.Equal(t, 405, s.Do(Request{Method: "POST", Path: path, Wrong: true}).Status)
		}
	})
}

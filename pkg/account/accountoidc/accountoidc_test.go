package accountoidc

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountoidc/oidctest"
	"github.com/plenary-live/plenary/pkg/fault"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// the library reads keys beside the request that waits for them
		goleak.IgnoreAnyFunction(
			"github.com/coreos/go-oidc/v3/oidc.(*RemoteKeySet).keysFromRemote.func1"))
}

const redirect = "https://vote.example/api/v1/auth/oidc/callback"

var attempt = account.Attempt{
	State: strings.Repeat("s", 43), Nonce: strings.Repeat("n", 43),
	Verifier: strings.Repeat("v", 43),
}

func start(t *testing.T) (*oidctest.Provider, *Provider) {
	t.Helper()
	there := oidctest.Start(t, redirect)
	return there, New(Config{
		Issuer: there.Issuer, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret,
		Redirect: redirect,
	})
}

// visit goes to the provider as a browser does, and gives what it brings back.
func visit(t *testing.T, p *Provider, a account.Attempt) url.Values {
	t.Helper()
	to, err := p.URL(t.Context(), a)
	require.NoError(t, err)
	browser := http.Client{
		CheckRedirect: stay, Transport: &http.Transport{DisableKeepAlives: true},
	}
	res, err := browser.Get(to)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	back, err := res.Location()
	require.NoError(t, err)
	require.Equal(t, redirect, back.Scheme+"://"+back.Host+back.Path)
	require.Equal(t, a.State, back.Query().Get("state"))
	return back.Query()
}

// logIn goes to the provider and redeems the code.
func logIn(t *testing.T, p *Provider) (account.Person, error) {
	t.Helper()
	return p.Person(t.Context(), attempt, visit(t, p, attempt).Get("code"))
}

// requireRefused requires that a log-in fails with a code, since the token is not right.
func requireRefused(t *testing.T, want fault.Code, p *Provider, msg ...any) {
	t.Helper()
	who, err := logIn(t, p)
	require.Equal(t, want, fault.CodeOf(err), append([]any{err}, msg...)...)
	require.Zero(t, who)
}

func TestAPersonIsWhoTheProviderSays(t *testing.T) {
	there, p := start(t)
	want := account.Person{
		Identity: account.Identity{
			Issuer: there.Issuer, Subject: there.Claims["sub"].(string),
		},
		Email: there.Claims["email"].(string), Verified: true, Name: "Anna Ünal",
	}
	got, err := logIn(t, p)
	require.NoError(t, err)
	require.Equal(t, want, got)

	for said, verified := range map[any]bool{
		true: true, "true": true, false: false, "false": false, nil: false, 1: false, "yes": false,
	} {
		there.Claims["email_verified"] = said
		got, err := logIn(t, p)
		require.NoError(t, err)
		require.Equal(t, verified, got.Verified, "%v", said)
	}
	delete(there.Claims, "email")
	delete(there.Claims, "name")
	got, err = logIn(t, p)
	require.NoError(t, err)
	require.Equal(t, account.Person{Identity: want.Identity}, got)
	require.Equal(t, 1, there.Asked["/.well-known/openid-configuration"])
	require.Equal(t, 1, there.Asked["/keys"])
}

func TestWhatATokenDoesNotTellTheProviderIsAsked(t *testing.T) {
	there, p := start(t)
	there.UserInfo = map[string]any{
		"sub": there.Claims["sub"], "email": "anna@example.org", "email_verified": true,
		"name": "Anna",
	}
	email := there.Claims["email"]
	got, err := logIn(t, p)
	require.NoError(t, err)
	require.Equal(t, email, got.Email)
	require.Zero(t, there.Asked["/userinfo"])
	delete(there.Claims, "email")
	got, err = logIn(t, p)
	require.NoError(t, err)
	require.Equal(t, "anna@example.org", got.Email)
	require.True(t, got.Verified)
	there.UserInfo["sub"] = "somebody else"
	requireRefused(t, account.BadAttempt, p)
	there.UserInfo["sub"], there.UserInfo["email"] = there.Claims["sub"], 7
	requireRefused(t, fault.Unavailable, p)
}

// seconds gives a time as tokens have it.
func seconds(fromNow time.Duration) int64 { return time.Now().Add(fromNow).Unix() }

func TestATokenThatIsNotForThisAttemptAndThisServerIsRefused(t *testing.T) {
	there, p := start(t)
	for name, change := range map[string]func(map[string]any){
		"another nonce":         func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":              func(c map[string]any) { delete(c, "nonce") },
		"another audience":      func(c map[string]any) { c["aud"] = "another" },
		"no audience":           func(c map[string]any) { delete(c, "aud") },
		"another party":         func(c map[string]any) { c["azp"] = "another" },
		"audiences, no party":   func(c map[string]any) { c["aud"] = []string{"plenary", "x"} },
		"another issuer":        func(c map[string]any) { c["iss"] = "https://id.example" },
		"expired":               func(c map[string]any) { c["exp"] = seconds(-time.Second) },
		"no end":                func(c map[string]any) { delete(c, "exp") },
		"not yet":               func(c map[string]any) { c["nbf"] = seconds(time.Hour) },
		"nobody":                func(c map[string]any) { c["sub"] = "" },
		"no subject":            func(c map[string]any) { delete(c, "sub") },
		"a number for somebody": func(c map[string]any) { c["sub"] = 7 },
		"a long subject":        func(c map[string]any) { c["sub"] = strings.Repeat("s", 256) },
		"a zero byte":           func(c map[string]any) { c["sub"] = "a\x00b" },
		"a number for a name":   func(c map[string]any) { c["name"] = 7 },
		"a list for an address": func(c map[string]any) { c["email"] = []string{"a@b.example"} },
	} {
		there.Change = change
		requireRefused(t, account.BadAttempt, p, name)
	}
	there.Change = func(c map[string]any) {
		c["aud"], c["azp"] = []string{"x", oidctest.ClientID}, oidctest.ClientID
	}
	_, err := logIn(t, p)
	require.NoError(t, err, "a token of several that is for this server")
}

func TestATokenThatTheProviderHasNotSignedIsRefused(t *testing.T) {
	there, p := start(t)
	stranger := oidctest.Start(t, redirect)
	for name, sign := range map[string]func(map[string]any) string{
		"by another key": stranger.Signed,
		"by the secret": func(c map[string]any) string {
			return oidctest.SignedBy(t, jose.HS256,
				[]byte(strings.Repeat(oidctest.ClientSecret, 2)), c)
		},
		"not at all": func(c map[string]any) string {
			parts := strings.Split(there.Signed(c), ".")
			return "eyJhbGciOiJub25lIn0." + parts[1] + "."
		},
		"another text": func(c map[string]any) string {
			parts := strings.Split(there.Signed(c), ".")
			c["sub"] = "somebody else"
			return parts[0] + "." + strings.Split(there.Signed(c), ".")[1] + "." + parts[2]
		},
		"no token":   func(map[string]any) string { return "" },
		"no JWT":     func(map[string]any) string { return "\x00☃" },
		"a long one": func(map[string]any) string { return strings.Repeat("eyJ.", 1<<16) },
	} {
		there.Sign = sign
		requireRefused(t, account.BadAttempt, p, name)
	}
}

func TestACodeIsGoodOnceForWhoBeganTheAttempt(t *testing.T) {
	_, p := start(t)
	code := visit(t, p, attempt).Get("code")
	other := attempt
	other.Verifier = strings.Repeat("w", 43)
	_, err := p.Person(t.Context(), other, code)
	require.Equal(t, account.BadAttempt, fault.CodeOf(err), "somebody has read the code")
	code = visit(t, p, attempt).Get("code")
	_, err = p.Person(t.Context(), attempt, code)
	require.NoError(t, err)
	for _, wrong := range []string{code, "", "x", "\x00", strings.Repeat("x", 1<<12)} {
		_, err = p.Person(t.Context(), attempt, wrong)
		require.Equal(t, account.BadAttempt, fault.CodeOf(err), "%.20q", wrong)
	}
}

// requireNothingIsRead waits until the library has stored the keys that it has answered with. A
// log-in before that is answered from the same reading, which does not have newer keys.
func requireNothingIsRead(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	require.Eventually(t, func() bool {
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("keysFromRemote.func1"))
	}, 10*time.Second, time.Millisecond)
}

func TestWhenTheProviderHasNewKeysTheyAreRead(t *testing.T) {
	there, p := start(t)
	_, err := logIn(t, p)
	require.NoError(t, err)
	for _, keep := range []bool{true, false} {
		requireNothingIsRead(t)
		there.Rotate(keep)
		_, err := logIn(t, p)
		require.NoError(t, err)
	}
	require.Equal(t, 3, there.Asked["/keys"])
}

func TestAProviderThatIsAwayIsLookedUpAgainByTheNext(t *testing.T) {
	there, p := start(t)
	there.Describe = func(said map[string]any) { said["issuer"] = "https://id.example" }
	_, err := p.URL(t.Context(), attempt)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "it is somebody else")
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		there.Describe = func(said map[string]any) { delete(said, endpoint) }
		_, err := p.URL(t.Context(), attempt)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), endpoint)
	}
	there.Describe = nil
	code := visit(t, p, attempt).Get("code")
	there.Stop()
	_, err = p.Person(t.Context(), attempt, code)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = p.URL(t.Context(), attempt)
	require.NoError(t, err, "it is known where the provider is")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = New(p.Config).URL(ended, attempt)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestKeysThatCannotBeReadAreTheProvidersFault(t *testing.T) {
	there, p := start(t)
	there.Describe = func(said map[string]any) { said["jwks_uri"] = there.Issuer + "/missing" }
	requireRefused(t, fault.Unavailable, p)
}

func TestWhatTheProviderHasAgainstThisServerIsTheOperators(t *testing.T) {
	there, p := start(t)
	for _, why := range []string{"invalid_client", "unauthorized_client", "server_error", "☃"} {
		there.Refuse = why
		requireRefused(t, fault.Unavailable, p, why)
	}
	there.Refuse = ""
	p = New(Config{
		Issuer: there.Issuer, ClientID: oidctest.ClientID, ClientSecret: "another",
		Redirect: redirect,
	})
	requireRefused(t, fault.Unavailable, p)
}

func TestTheSecretIsShownInTheWayThatTheProviderTakes(t *testing.T) {
	there, p := start(t)
	there.Describe = func(said map[string]any) {
		said["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	}
	_, err := logIn(t, p)
	require.NoError(t, err)
}

func TestGarbageOfAProviderIsRefusedAndItsSizeIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "\x00☃", "a list": "[]", "null": "null",
		"large": `{"issuer":"` + strings.Repeat("x", 2<<20) + `"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		_, err := New(Config{Issuer: server.URL, ClientID: "x"}).URL(t.Context(), attempt)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), name)
		server.Close()
	}
	told := false
	elsewhere := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { told = true }))
	defer elsewhere.Close()
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer moved.Close()
	_, err := New(Config{Issuer: moved.URL, ClientID: "x"}).URL(t.Context(), attempt)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.False(t, told, "a redirect is not followed")
}

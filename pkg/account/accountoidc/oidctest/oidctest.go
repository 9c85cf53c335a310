// Package oidctest runs an OpenID Connect provider for tests. It is a real one, at 127.0.0.1: it
// signs what it says, and checks who asks.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Who the tested server is.
const (
	ClientID     = "plenary"
	ClientSecret = "a-secret:of+the/client" // which must be escaped in a header
)

// Provider is a running provider. Tests change its fields while nothing is under way.
type Provider struct {
	Issuer   string
	Redirect string // where it lets browsers go back to
	Describe func(map[string]any)
	Claims   map[string]any       // of whoever logs in, beside what each token has
	UserInfo map[string]any       // nil: it tells nobody more
	Change   func(map[string]any) // what else becomes of a token's claims; nil: nothing
	Sign     func(claims map[string]any) string
	Error    string // that browsers are sent back with; empty: they may log in
	Refuse   string // with which error every code is refused; empty: none is
	Asked    map[string]int

	tb     testing.TB
	server *httptest.Server
	mu     sync.Mutex
	key    jose.JSONWebKey
	old    []jose.JSONWebKey // that are told still
	codes  map[string]url.Values
}

// Start runs a provider until the test is over. It logs in a person with a proven address.
func Start(tb testing.TB, redirect string) *Provider {
	tb.Helper()
	p := &Provider{
		tb: tb, Redirect: redirect, codes: map[string]url.Values{}, Asked: map[string]int{},
		Claims: map[string]any{
			"sub": uuid.NewString(), "email": uuid.NewString() + "@example.org",
			"email_verified": true, "name": "Anna Ünal",
		},
	}
	p.Rotate(false)
	mux := http.NewServeMux()
	for path, answer := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": p.describe, "/authorize": p.authorize,
		"/token": p.token, "/keys": p.keys, "/userinfo": p.userInfo,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.Asked[r.URL.Path]++
			answer(w, r)
		})
	}
	p.server = httptest.NewServer(mux)
	p.Issuer = p.server.URL
	tb.Cleanup(p.Stop)
	return p
}

// Stop has the provider be away from now on.
func (p *Provider) Stop() { p.server.Close() }

// Rotate has the provider sign with another key. keep: it tells of the one before still.
func (p *Provider) Rotate(keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(p.tb, err)
	if keep {
		p.old = append(p.old, p.key.Public())
	}
	p.key = jose.JSONWebKey{Key: key, KeyID: uuid.NewString(), Algorithm: "ES256", Use: "sig"}
}

// Signed signs claims with the provider's present key.
func (p *Provider) Signed(claims map[string]any) string {
	return SignedBy(p.tb, jose.ES256, p.key, claims)
}

// SignedBy signs claims with any key.
func SignedBy(
	tb testing.TB, algorithm jose.SignatureAlgorithm, key any, claims map[string]any,
) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	require.NoError(tb, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(tb, err)
	return token
}

func (p *Provider) describe(w http.ResponseWriter, _ *http.Request) {
	said := map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize",
		"token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	}
	if p.UserInfo != nil {
		said["userinfo_endpoint"] = p.Issuer + "/userinfo"
	}
	if p.Describe != nil {
		p.Describe(said)
	}
	answer(w, http.StatusOK, said)
}

// authorize logs the person in, and sends the browser back.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("redirect_uri") != p.Redirect {
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	switch {
	case p.Error != "":
		back.Set("error", p.Error)
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
		q.Get("nonce") == "" || q.Get("scope") != "openid email profile":
		back.Set("error", "invalid_request")
	default:
		code := uuid.NewString()
		p.codes[code] = q
		back.Set("code", code)
	}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

// token gives an ID token for a code, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != ClientID || secret != ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	begun, known := p.codes[code]
	delete(p.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if p.Refuse != "" || !known || r.PostFormValue("grant_type") != "authorization_code" ||
		r.PostFormValue("redirect_uri") != p.Redirect ||
		challenge != begun.Get("code_challenge") {
		why := "invalid_grant"
		if p.Refuse != "" {
			why = p.Refuse
		}
		answer(w, http.StatusBadRequest, map[string]any{"error": why})
		return
	}
	claims := maps.Clone(p.Claims)
	maps.Copy(claims, map[string]any{
		"iss": p.Issuer, "aud": ClientID, "nonce": begun.Get("nonce"),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	})
	if p.Change != nil {
		p.Change(claims)
	}
	sign := p.Sign
	if sign == nil {
		sign = p.Signed
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": "of nobody's use", "token_type": "Bearer", "id_token": sign(claims),
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{
		Keys: append(slices.Clone(p.old), p.key.Public()),
	})
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer of nobody's use" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	answer(w, http.StatusOK, p.UserInfo)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

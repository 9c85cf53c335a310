// Package accountoidc has people say who they are at an OpenID Connect provider.
package accountoidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// callTime bounds one call of the provider.
	callTime = 4 * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 1 << 20
	// maxSubject is how many bytes say who somebody is (OpenID Connect Core, section 2).
	maxSubject = 255
)

// Config is who this server is at a provider.
type Config struct {
	Issuer       string // the provider's name, which is the address of its description
	ClientID     string
	ClientSecret string // empty: the provider knows this server without one
	Redirect     string // where browsers come back to
}

// Provider implements account.Provider. It looks the provider up when somebody first needs it, so
// that nothing waits for a provider that is away.
type Provider struct {
	Config
	http    *http.Client
	finding singleflight.Group

	mu    sync.Mutex
	found *found
}

var _ account.Provider = (*Provider)(nil)

// found is what a provider's description says.
type found struct {
	*oidc.Provider
	oauth oauth2.Config
	keys  oidc.KeySet // read again where a token names one that is not there
}

// New makes a provider. It connects to nothing.
func New(cfg Config) *Provider {
	return &Provider{Config: cfg, http: &http.Client{
		// log-ins are rare, so no connection is left behind
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		}},
		CheckRedirect: stay,
		Timeout:       callTime,
	}}
}

// stay follows no redirect: nobody else is told the secret.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded reads no more of an answer than it may have.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// URL implements account.Provider.
func (p *Provider) URL(ctx context.Context, a account.Attempt) (string, error) {
	f, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	return f.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce),
		oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Person implements account.Provider.
func (p *Provider) Person(
	ctx context.Context, a account.Attempt, code string,
) (account.Person, error) {
	f, err := p.find(ctx)
	if err != nil {
		return account.Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := f.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return account.Person{}, notGiven(err)
	}
	subject, c, err := p.read(ctx, f, a, token)
	if err == nil && c.Email == "" && f.UserInfoEndpoint() != "" {
		c, err = more(ctx, f, token, subject)
	}
	if err != nil {
		return account.Person{}, err
	}
	return account.Person{
		Identity: account.Identity{Issuer: p.Issuer, Subject: subject},
		Email:    c.Email, Verified: c.Email != "" && bool(c.Verified), Name: c.Name,
	}, nil
}

// algorithms are those of signatures that only the provider can make.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// read gives who logged in, and what the ID token says of them, if the provider has signed it for
// this attempt and this server.
func (p *Provider) read(
	ctx context.Context, f *found, a account.Attempt, token *oauth2.Token,
) (subject string, c claims, err error) {
	keys := &keys{KeySet: f.keys}
	verifier := oidc.NewVerifier(p.Issuer, keys,
		&oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms})
	raw, _ := token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, raw)
	switch {
	case keys.away != nil:
		return "", c, away(keys.away)
	case err != nil:
		return "", c, wrong(err)
	}
	if err := id.Claims(&c); err != nil {
		return "", c, wrong(err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1:
		err = errors.New("it is for another attempt")
	case len(id.Audience) > 1 && c.Party != p.ClientID, c.Party != "" && c.Party != p.ClientID:
		err = errors.New("it was issued to somebody else")
	case id.Subject == "" || len(id.Subject) > maxSubject,
		strings.ContainsFunc(id.Subject, unicode.IsControl):
		err = errors.New("it names nobody")
	}
	if err != nil {
		return "", c, wrong(err)
	}
	return id.Subject, c, nil
}

// keys remembers why the provider's keys could not be read, which the verifier does not tell.
type keys struct {
	oidc.KeySet
	away error
}

// VerifySignature implements oidc.KeySet. A wrong signature wraps no other error.
func (k *keys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, token)
	if errors.Unwrap(err) != nil || ctx.Err() != nil {
		k.away = err
	}
	return payload, err
}

// claims are what an ID token says beside who somebody is.
type claims struct {
	Email    string `json:"email"`
	Verified truth  `json:"email_verified"`
	Name     string `json:"name"`
	Party    string `json:"azp"` // whom the token was issued to; empty: the only audience
}

// truth is what some providers write as a text.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = string(b) == "true" || string(b) == `"true"`
	return nil
}

// more asks the provider for what its ID token does not tell.
func more(
	ctx context.Context, f *found, token *oauth2.Token, subject string,
) (c claims, err error) {
	info, err := f.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return c, away(err)
	}
	if info.Subject != subject { // OpenID Connect Core, section 5.3.2
		return c, wrong(errors.New("it tells of somebody else"))
	}
	if err := info.Claims(&c); err != nil {
		return c, wrong(err)
	}
	return c, nil
}

// find gives what the provider's description says, and reads it if nobody has. Those who ask at
// once share a read.
func (p *Provider) find(ctx context.Context) (*found, error) {
	p.mu.Lock()
	known := p.found
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	f, err, _ := p.finding.Do("", func() (any, error) {
		f, err := p.discover(ctx)
		if err != nil {
			return nil, away(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.found = f
		return f, nil
	})
	if err != nil {
		return nil, err
	}
	return f.(*found), nil
}

// discover reads the provider's description.
func (p *Provider) discover(ctx context.Context) (*found, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.Issuer)
	if err != nil {
		return nil, err
	}
	var said struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Keys    string   `json:"jwks_uri"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	if endpoint.AuthURL == "" || endpoint.TokenURL == "" || said.Keys == "" {
		return nil, errors.New("the provider's description lacks an endpoint")
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.ClientSecret == "" ||
		len(said.Methods) > 0 && !slices.Contains(said.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &found{
		Provider: provider,
		oauth: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: endpoint,
			RedirectURL: p.Redirect, Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
		},
		// not of ctx: others use the keys later
		keys: oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.http), said.Keys),
	}, nil
}

// away is the provider's fault, or the operator's.
func away(err error) error { return fault.Unavailablef(err, "the provider does not answer") }

// wrong is what a provider signed for another purpose, or has not signed.
func wrong(why error) error {
	return &fault.Error{
		Code: account.BadAttempt, Detail: "what the provider says is not right", Cause: why,
	}
}

// notGiven says why there is no token for a code. Who brings a wrong code is told so. What the
// provider has against this server is the operator's.
func notGiven(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || refused.ErrorCode != "invalid_grant" {
		return away(err)
	}
	return fault.Errorf(account.BadAttempt, "the provider does not know this log-in any more")
}

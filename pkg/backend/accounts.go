package backend

import (
	"context"
	"crypto/sha256"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountoidc"
)

// sessionSecret is the name under which the store keeps the key of accounts' sessions.
const sessionSecret = "accounts' sessions"

// SessionKey gives the key of accounts' sessions, which every replica shares, after Open. It waits
// as Open does.
func (b *Backend) SessionKey(ctx context.Context) (key []byte, err error) {
	if b.cfg.Secret != "" {
		sum := sha256.Sum256([]byte(sessionSecret + "\x00" + b.cfg.Secret))
		return sum[:], nil
	}
	err = b.await(ctx, "database", func() error {
		key, err = b.Store.Secret(ctx, sessionSecret, access.NewPassKey())
		return err
	})
	return key, err
}

// Letters gives what sends links to people who forgot their password, after Open, and tells
// operators of it. It is called at most once. nil: no mail server is named.
func (b *Backend) Letters() *account.Letters {
	if !b.cfg.Mail.Sends() {
		return nil
	}
	l := account.NewLetters(b.Accounts, b.mailer(), b.cfg.PublicURL, b.logger)
	b.metrics.Gauge("plenary_letters_waiting",
		"Letters that were asked for, and are neither sent nor given up.",
		func() float64 { n, _, _ := l.Counts(); return float64(n) })
	b.metrics.Counter("plenary_letters_sent_total",
		"Letters that the mail server took.",
		func() float64 { _, n, _ := l.Counts(); return float64(n) })
	b.metrics.Counter("plenary_letters_failed_total",
		"Letters that were given up.",
		func() float64 { _, _, n := l.Counts(); return float64(n) })
	return l
}

// Provider gives the OpenID Connect provider that says who people are. nil: none is named.
func (b *Backend) Provider() account.Provider {
	if b.cfg.OIDC.Issuer == "" {
		return nil
	}
	return accountoidc.New(accountoidc.Config{
		Issuer: b.cfg.OIDC.Issuer, ClientID: b.cfg.OIDC.ClientID,
		ClientSecret: b.cfg.OIDC.ClientSecret,
		Redirect:     b.cfg.PublicURL + account.ReturnPath,
	})
}

package backend

import (
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountoidc"
)

// Letters gives what sends links to people who forgot their password, after Open, and tells
// operators of it. It is called at most once. nil: no mail server is named.
func (b *Backend) Letters() *account.Letters { // feature: account
	if !b.cfg.Mail.Sends() { // feature: account
		return nil // feature: account
	} // feature: account
	l := account.NewLetters(b.Accounts, b.mailer(), b.cfg.PublicURL, b.logger) // feature: account
	b.metrics.Gauge("plenary_letters_waiting",                                 // feature: account
		"Letters that were asked for, and are neither sent nor given up.", // feature: account
		func() float64 { n, _, _ := l.Counts(); return float64(n) })       // feature: account
	b.metrics.Counter("plenary_letters_sent_total", // feature: account
		"Letters that the mail server took.",                        // feature: account
		func() float64 { _, n, _ := l.Counts(); return float64(n) }) // feature: account
	b.metrics.Counter("plenary_letters_failed_total", // feature: account
		"Letters that were given up.",                               // feature: account
		func() float64 { _, _, n := l.Counts(); return float64(n) }) // feature: account
	return l // feature: account
} // feature: account

// Provider gives the OpenID Connect provider that says who people are. nil: none is named.
func (b *Backend) Provider() account.Provider { // feature: account
	if b.cfg.OIDC.Issuer == "" { // feature: account
		return nil // feature: account
	} // feature: account
	return accountoidc.New(accountoidc.Config{ // feature: account
		Issuer: b.cfg.OIDC.Issuer, ClientID: b.cfg.OIDC.ClientID, // feature: account
		ClientSecret: b.cfg.OIDC.ClientSecret,              // feature: account
		Redirect:     b.cfg.PublicURL + account.ReturnPath, // feature: account
	}) // feature: account
} // feature: account

package backend

import (
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountoidc"
)

// Letters gives what sends links to people who forgot their password, after Open. nil: no mail
// server is named.
func (b *Backend) Letters() *account.Letters { // feature: account
	if !b.cfg.Mail.Sends() { // feature: account
		return nil // feature: account
	} // feature: account
	return account.NewLetters(b.Accounts, b.mailer(), b.cfg.PublicURL, b.logger) // feature: account
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

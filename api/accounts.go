package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/plenary-live/plenary/api/internal/accounts"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/life"
)

// accountCommand is what operators do with accounts.
var accountCommand = backend.Command{
	Name: "account", Usage: account.Usage,
	Run: onDatabase(func(
		ctx context.Context, b *backend.Backend, site string, args []string,
	) (bool, error) {
		return account.Command(ctx, b.Accounts, site, args, os.Stdout)
	}),
}

// wireAccounts also has the pages offer log-in by a provider.
func wireAccounts(g *ground) (httpserver.Feature, opening, error) {
	if err := g.Pages.Offer(g.Config.OIDC.Issuer); err != nil {
		return nil, nil, fmt.Errorf("PLENARY_OIDC_ISSUER: %w", err)
	}
	feature := accounts.New(g.Site, accounts.Config{
		TokenTTL:       g.Config.TokenTTL,
		RegisterLimit:  g.Config.RegisterLimit,
		WrongPasswords: g.Config.WrongPasswords,
		MailLimit:      g.Config.Mail.Limit,

		Secure: strings.HasPrefix(g.Config.PublicURL, "https://"),
	})
	return feature, func(ctx context.Context) ([]life.Service, error) {
		key, err := g.Adapters.SessionKey(ctx)
		if err != nil {
			return nil, err
		}
		letters := g.Adapters.Letters()
		err = feature.With(accounts.Services{
			Store: g.Adapters.Accounts, Key: key, Letters: letters,
			Provider: g.Adapters.Provider(),
		})
		if err != nil || letters == nil {
			return nil, err
		}
		late := func(err error) { g.Logger.Warn("not every letter was sent", "error", err) }
		// they stop when the votes have what they need of the time
		return []life.Service{life.Within(0.5, letters, late)}, nil
	}, nil
}

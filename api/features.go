package main

import (
	"context"
	"log/slog"
	"slices"

	"github.com/plenary-live/plenary/api/internal/accounts"
	"github.com/plenary-live/plenary/api/internal/feeds"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/page"
	"github.com/plenary-live/plenary/api/internal/polls"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/talks"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// wirings are those of the product's features, in the order in which operators are told of them.
// Each feature has a file of its own here. Services start in this order, and stop in reverse. Those
// that are early start before all others.
var wirings = []wiring{
	{bodies: polls.BodyLimits, wire: wirePolls},
	{bodies: talks.BodyLimits, wire: wireTalks},                    // feature: talk
	{bodies: feeds.BodyLimits, wire: wireFeeds},                    // feature: feed
	{bodies: accounts.BodyLimits, wire: wireAccounts, early: true}, // feature: account
}

// wiring is how a feature becomes a part of the process.
type wiring struct {
	bodies web.BodyLimits // of what its requests may send
	// wire adds the feature's routes. They answer when what it gives besides is open.
	wire func(*ground) (httpserver.Feature, opening, error)
	// early has its services stop when votes have what they need of the time.
	early bool
}

// opening gives what a feature runs, once the adapters are open.
type opening func(context.Context) ([]life.Service, error)

// ground is what features are built on.
type ground struct {
	Config   config.Config
	Logger   *slog.Logger
	Metrics  *telemetry.Metrics
	Adapters *backend.Backend // closed while features are wired
	Site     *web.Site
	Pages    *page.Pages
	Door     *web.Door
	Serving  httpserver.Config

	// There are these when features are opened.
	Passes *access.Passes
	Hub    *live.Hub

	features []httpserver.Feature
}

// bodyLimits are those of all features.
func bodyLimits() (all web.BodyLimits) {
	for _, w := range wirings {
		all = append(all, w.bodies...)
	}
	return all
}

// wire adds the routes of all features, and gives what opens them.
func (g *ground) wire() (opening, error) {
	var early, others []opening
	for _, w := range wirings {
		feature, open, err := w.wire(g)
		if err != nil {
			return nil, err
		}
		g.features = append(g.features, feature)
		if w.early {
			early = append(early, open)
		} else {
			others = append(others, open)
		}
	}
	return func(ctx context.Context) (all []life.Service, err error) {
		for _, open := range slices.Concat(early, others) {
			services, err := open(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, services...)
		}
		return all, nil
	}, nil
}

package main

import (
	"context"

	"github.com/plenary-live/plenary/api/internal/feeds"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/life"
)

func wireFeeds(g *ground) (httpserver.Feature, opening, error) {
	feature := feeds.New(g.Site, feeds.Config{
		Operators: g.Config.FeedOperators, CreateLimit: g.Config.CreateLimit, Door: g.Door,
	})
	return feature, func(context.Context) ([]life.Service, error) {
		voting := feed.NewService(
			g.Adapters.Feed, g.Adapters.FeedRules(), g.Adapters.Spine(feed.Stream),
		)
		return []life.Service{
			voting, feature.With(feeds.Services{Service: voting, Hub: g.Hub}),
		}, nil
	}, nil
}

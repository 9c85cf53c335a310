package main

import (
	"context"

	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/talks"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/talk"
)

func wireTalks(g *ground) (httpserver.Feature, opening, error) {
	feature := talks.New(g.Site, talks.Config{
		Open: g.Config.Open, CreateLimit: g.Config.CreateLimit,
		PassLimit: g.Config.PassLimit, Door: g.Door,
	})
	return feature, func(context.Context) ([]life.Service, error) {
		rating := talk.NewService(g.Adapters.Talks, g.Passes, g.Adapters.Spine(talk.Stream))
		return []life.Service{
			rating, feature.With(talks.Services{Service: rating, Hub: g.Hub}),
		}, nil
	}, nil
}

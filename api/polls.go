package main

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/api/internal/polls"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/stage"
)

// wirePolls also has the server take votes the fast way.
func wirePolls(g *ground) (httpserver.Feature, opening, error) {
	feature := polls.New(g.Site, polls.Config{
		Open: g.Config.Open, CreateLimit: g.Config.CreateLimit, Door: g.Door,
		WrongCodes: g.Config.WrongCodes, PassLimit: g.Config.PassLimit,
	})
	if g.Config.FastVotes {
		g.Serving.Fast = feature.Votes.Take
	} else {
		g.Logger.Info("PLENARY_FAST_VOTES is false: every vote goes the way of all requests")
	}
	return feature, func(context.Context) ([]life.Service, error) {
		return pollServices(g, feature), nil
	}, nil
}

// pollServices are the services of polls. Embedded, they count.
func pollServices(g *ground, feature *polls.Polls) []life.Service {
	adapters := g.Adapters
	cache := stage.NewCache(adapters.Store, time.Now)
	s := polls.Services{
		Store: adapters.Store,
		Cache: cache,
		Stage: stage.New(adapters.Store, adapters.Bus, adapters.Votes, cache, g.Logger),
		Intake: intake.New(
			cache, g.Passes, adapters.Votes, adapters.Partitions, g.Config.MaxWaiting, time.Now),
		Bus:    adapters.Bus,
		Passes: g.Passes,
		Hub:    g.Hub,
		Spread: adapters.Spread,
	}
	g.Metrics.Gauge("plenary_waiting_votes", "Votes that wait for their answer.",
		func() float64 { return float64(s.Intake.Waiting()) })
	counting := life.InOrder()
	if adapters.Embedded() {
		keep := time.Duration(g.Config.KeepDays) * 24 * time.Hour
		votes := poll.NewCounting(
			adapters.Store, adapters.Engine, adapters.Votes, adapters.Partitions, adapters.Bus,
			keep, g.Logger)
		counting = life.InOrder(votes, adapters.Workers())
	}
	late := func(err error) { g.Logger.Warn("not everything is sealed", "error", err) }
	return []life.Service{
		cache, counting, s.Intake, life.Within(0.5, s.Stage, late), feature.With(s),
	}
}

package backend

import (
	"context"
	"errors"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/work"
)

// Applied is a stream beside the votes, and what its entries do.
type Applied struct {
	Name string
	work.Applier
	queue.Stream
}

// Applied gives the streams beside the votes, after OpenQueue. Without a database their entries can
// be described, and not applied.
func (b *Backend) Applied() []Applied {
	all := []Applied{
		{Name: talk.Stream, Applier: talk.NewApplier(b.Talks, b.logger)}, // feature: talk
		{Name: feed.Stream, Applier: b.feedApplier()},                    // feature: feed
		{Name: chat.Stream, Applier: chat.NewApplier(b.Chats, b.logger)}, // feature: chat
	}
	for i := range all {
		all[i].Stream = b.streams[all[i].Name]
	}
	return all
}

// Spine gives what the service of a stream stands on, after Open.
func (b *Backend) Spine(stream string) commit.Spine {
	return commit.Spine{
		Log: b.streams[stream], Bus: b.Bus, Logger: b.logger, Partitions: b.Partitions,
		Spread: b.Spread, MaxWaiting: b.cfg.MaxWaiting,
	}
}

// Workers apply the entries of every stream but the votes, and do the chores of features. They are
// a life.Service: Stop finishes the transactions under way and hands the partitions over.
type Workers struct {
	life.Service
	all []*work.Worker
}

// Workers makes those of a process, after Open.
func (b *Backend) Workers() *Workers {
	w := &Workers{}
	var running []life.Service
	for _, a := range b.Applied() {
		one := work.New(work.Config{
			Stream: a.Stream, Partitions: b.Partitions, Table: b.Engine, Applier: a.Applier,
			IDs: b.Engine, Bus: b.Bus, Logger: b.logger.With("stream", a.Name),
		})
		w.all = append(w.all, one)
		running = append(running, life.Loop(func(ctx context.Context) { one.Run(ctx) }))
	}
	running = append(running, life.Loop(b.feedUpkeep().Run)) // feature: feed
	running = append(running, life.Loop(b.chatUpkeep().Run)) // feature: chat
	w.Service = life.InOrder(running...)
	return w
}

// Ready tells why not every partition is being followed; nil: all are.
func (w *Workers) Ready() error {
	var errs []error
	for _, one := range w.all {
		errs = append(errs, one.Ready())
	}
	return errors.Join(errs...)
}

// recounter is one of a feature.
type recounter struct {
	feature string
	work.Recounter
}

// recounters gives those of all features, after OpenDatabase.
func (b *Backend) recounters() []recounter {
	return []recounter{
		{"polls", poll.NewRecounter(b.polls)},
		{"talks", talk.NewRecounter(b.Talks)}, // feature: talk
		{"feed", feed.NewRecounter(b.Feed)},   // feature: feed
		{"chats", chat.NewRecounter(b.Chats)}, // feature: chat
	}
}

package backend

import (
	"context"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/outbox"
	"github.com/plenary-live/plenary/pkg/webhook"
)

// sink is a kind of place that facts are sent to, and how what it holds is given back.
type sink struct {
	outbox.Sink
	close func()
}

// sinks are all there are.
func (b *Backend) sinks() []sink {
	hooks := webhook.NewSender(b.cfg.PrivateWebhooks)
	return []sink{
		{hooks.Sink(), hooks.Close}, // sink: webhook
	}
}

// dispatchers give what sends facts, and removes old deliveries.
func (b *Backend) dispatchers() []life.Service {
	running := []life.Service{life.Loop(outbox.NewUpkeep(b.Outbox, b.logger).Run)}
	for _, s := range b.sinks() {
		d := outbox.NewDispatcher(b.Outbox, s.Sink, b.logger)
		running = append(running, life.Loop(func(ctx context.Context) {
			defer s.close()
			d.Run(ctx)
		}))
	}
	return running
}

// Command worker counts votes: it reads the partitions' logs from RabbitMQ and counts in
// PostgreSQL. Any number of workers may run.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func main() {
	addr := func(c config.Config) string { return c.WorkerAddr }
	os.Exit(backend.Main("worker", addr, run, deadLetters(os.Stdout), backend.Recount(os.Stdout)))
}

// check says which of the settings that a worker cannot do without are missing.
func check(cfg config.Config) error {
	var missing []string
	if _, embedded := cfg.SQLitePath(); embedded {
		missing = append(missing, "PLENARY_DATABASE_URL (postgres://…)")
	}
	if len(cfg.AMQPURLs) == 0 {
		missing = append(missing, "PLENARY_AMQP_URL (amqp://…)")
	}
	if len(missing) > 0 {
		return fmt.Errorf(
			"a worker needs %s; without them the API counts its votes itself and needs no worker",
			strings.Join(missing, " and "))
	}
	return nil
}

// run counts until ctx ends, and then finishes its transactions and hands the partitions over.
func run(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
	if err := check(cfg); err != nil {
		return err
	}
	metrics := telemetry.NewMetrics()
	adapters, watch := backend.New(cfg, metrics, logger), newWatch(metrics)
	var working atomic.Pointer[workers]
	operators := adapters.Operators("PLENARY_WORKER_ADDR", cfg.WorkerAddr,
		func() error { return reads(working.Load()) })
	counting := adapters.Under(func(context.Context) (life.Service, error) {
		keep := time.Duration(cfg.KeepDays) * 24 * time.Hour
		w := &workers{
			votes: poll.NewCounting(adapters.Store, adapters.Engine, adapters.Votes,
				adapters.Partitions, adapters.Bus, keep, logger),
			others: adapters.Workers(),
		}
		working.Store(w)
		streams := []queue.Stream{adapters.Votes}
		for _, a := range adapters.Applied() {
			streams = append(streams, a.Stream)
		}
		all := life.InOrder(beside(streams, watch, logger), w.votes, w.others)
		logger.Info("counting", "partitions", adapters.Partitions)
		return all, all.Start()
	})
	return adapters.Run(ctx, life.InOrder(operators, counting), nil)
}

// workers are what follows the streams: the votes, and all others.
type workers struct {
	votes  *poll.Counting
	others *backend.Workers
}

// beside gives what runs beside the work on streams.
func beside(streams []queue.Stream, watch *watch, logger *slog.Logger) life.Service {
	var letters all
	var running []life.Service
	for _, s := range streams {
		letters = append(letters, s)
		running = append(running,
			life.Loop(func(ctx context.Context) { ignore(ctx, s.Replies()) }))
	}
	return life.InOrder(append(running,
		life.Loop(func(ctx context.Context) { watch.run(ctx, letters, logger) }))...)
}

// ignore reads replies until ctx ends: nobody waits for the verdicts of seals, but the log asks for
// a reader.
func ignore(ctx context.Context, replies <-chan queue.Reply) {
	for {
		select {
		case _, open := <-replies:
			if !open {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

var errNotReading = errors.New("not reading every partition")

// reads says whether every stream, which may not be followed yet, is read from every partition.
func reads(w *workers) error {
	if w == nil || w.votes.Ready() != nil || w.others.Ready() != nil {
		return errNotReading
	}
	return nil
}

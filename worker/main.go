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
	os.Exit(backend.Main("worker", addr, run, deadLetters(os.Stdout)))
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
	var votes atomic.Pointer[poll.Counting]
	operators := adapters.Operators("PLENARY_WORKER_ADDR", cfg.WorkerAddr,
		func() error { return reads(votes.Load()) })
	counting := adapters.Under(func(context.Context) (life.Service, error) {
		keep := time.Duration(cfg.KeepDays) * 24 * time.Hour
		votes.Store(poll.NewCounting(adapters.Store, adapters.Engine, adapters.Votes,
			adapters.Partitions, adapters.Bus, keep, logger))
		all := life.InOrder(beside(adapters.Votes, watch, logger), votes.Load())
		logger.Info("counting", "partitions", adapters.Partitions)
		return all, all.Start()
	})
	return adapters.Run(ctx, life.InOrder(operators, counting), nil)
}

// beside gives what runs beside the counting of a stream.
func beside(log queue.Stream, watch *watch, logger *slog.Logger) life.Service {
	return life.InOrder(
		life.Loop(func(ctx context.Context) { ignore(ctx, log.Replies()) }),
		life.Loop(func(ctx context.Context) { watch.run(ctx, log, logger) }),
	)
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

// reads says whether the votes, which may not be counted yet, are read from every partition.
func reads(votes *poll.Counting) error {
	if votes == nil || votes.Ready() != nil {
		return errNotReading
	}
	return nil
}

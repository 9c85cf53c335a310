// Command worker counts votes: it reads the partitions' logs from RabbitMQ and counts in PostgreSQL. Any number of
// workers may run.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/poll"
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
		return fmt.Errorf("a worker needs %s; without them the API counts its votes itself and needs no worker", strings.Join(missing, " and "))
	}
	return nil
}

// run counts until ctx ends, and then finishes its transactions and hands the partitions over.
func run(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
	if err := check(cfg); err != nil {
		return err
	}
	metrics := telemetry.NewMetrics()
	adapters := backend.New(cfg, metrics, logger)
	var votes atomic.Pointer[poll.Counting]
	operators := adapters.Operators(cfg.WorkerAddr, func() error { return reads(votes.Load()) })
	err := operators.Start()
	if err != nil {
		return fmt.Errorf("PLENARY_WORKER_ADDR: %w", err)
	}
	watch := newWatch(metrics)
	if err = adapters.Open(ctx); err == nil {
		err = count(ctx, cfg, adapters, &votes, watch, logger)
	} else if ctx.Err() != nil { // asked to stop: whatever was waited for does not matter any more
		err = nil
	}
	err = errors.Join(err, operators.Stop(context.Background()))
	if errors.Is(err, errNotStopped) {
		return err // a transaction is under way: its store must not be closed under it
	}
	return errors.Join(err, adapters.Close())
}

var (
	errNotStopped = errors.New("counting did not stop in time")
	errNotReading = errors.New("not reading every partition")
)

// reads says whether the votes, which may not be counted yet, are read from every partition.
func reads(votes *poll.Counting) error {
	if votes == nil || votes.Ready() != nil {
		return errNotReading
	}
	return nil
}

// count counts votes until ctx ends.
func count(
	ctx context.Context, cfg config.Config, adapters *backend.Backend,
	ready *atomic.Pointer[poll.Counting], watch *watch, logger *slog.Logger,
) error {
	keep := time.Duration(cfg.KeepDays) * 24 * time.Hour
	votes := poll.NewCounting(
		adapters.Store, adapters.Engine, adapters.Votes, adapters.Partitions,
		adapters.Bus, keep, logger)
	ready.Store(votes)
	counting, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var watching sync.WaitGroup
		watching.Go(func() { watch.run(counting, adapters.Votes, logger) })
		votes.Run(counting)
		watching.Wait()
	}()
	go func() { // nobody waits for the verdicts of seals, but the log asks for a reader; it ends when the log is closed
		for range adapters.Votes.Replies() {
		}
	}()
	logger.Info("counting", "partitions", adapters.Partitions)
	<-ctx.Done()
	logger.Info("stopping")
	stop()
	select {
	case <-done:
		return nil
	case <-time.After(cfg.StopTimeout):
		return fmt.Errorf("%w: %s", errNotStopped, cfg.StopTimeout)
	}
}

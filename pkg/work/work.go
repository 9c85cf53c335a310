// Package work is the worker: it follows a stream's partitions, applies what is delivered,
// acknowledges, replies and announces. It isolates what cannot be applied, and forgets ids that
// nobody needs any more. It knows no feature: a feature's Applier says what an entry does.
package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/queue"
)

// maxStep is the most that passes at the start between two partitions.
const maxStep = 100 * time.Millisecond

// Config is what a worker needs.
type Config struct {
	Stream     queue.Stream
	Partitions int
	Applier    Applier
	IDs        IDs
	Bus        bus.Bus
	Logger     *slog.Logger
}

// Worker applies the entries of all partitions of a stream. Any number of workers may run on one
// log and store, in any number of processes. Each partition has one that is active, and every entry
// has its effect once.
type Worker struct {
	stream     queue.Stream
	partitions int
	applier    Applier
	combiner   combiner
	ids        IDs
	news       *news
	logger     *slog.Logger

	mu      sync.Mutex
	waiting map[int]error // per partition that is not followed: why
}

// New makes a worker.
func New(c Config) *Worker {
	w := &Worker{
		stream: c.Stream, partitions: c.Partitions, applier: c.Applier,
		combiner: combiner{applier: c.Applier}, ids: c.IDs,
		news: newNews(c.Bus, c.Logger), logger: c.Logger, waiting: make(map[int]error),
	}
	for p := range c.Partitions {
		w.waiting[p] = errors.New("not begun yet")
	}
	return w
}

// Run works until ctx ends. Then it finishes the transactions under way, acknowledges them, and
// returns. What was delivered beyond them goes to the next worker. The functions beside run until
// ctx ends as well; Run waits for them, and then announces what is left.
func (w *Worker) Run(ctx context.Context, beside ...func(context.Context)) {
	var running sync.WaitGroup
	for _, run := range beside {
		running.Go(func() { run(ctx) })
	}
	running.Go(func() { w.forget(ctx) })
	// On RabbitMQ before 4 the first to subscribe is the active one. Of workers that start
	// together, within a step, each in an order of its own, each is the first somewhere.
	step := min(maxStep, time.Second/time.Duration(w.partitions))
	for i, p := range rand.Perm(w.partitions) {
		running.Go(func() {
			select {
			case <-time.After(time.Duration(i) * step):
				w.follow(ctx, p)
			case <-ctx.Done():
			}
		})
	}
	ended := make(chan struct{})
	var announcing sync.WaitGroup
	announcing.Go(func() { w.news.run(ended) })
	running.Wait()
	close(ended)
	announcing.Wait()
}

// Announce has changes announced that come from beside the worker, in bundles with its own. It
// waits for nothing.
func (w *Worker) Announce(changes ...bus.Change) { w.news.add(changes) }

// Ready tells why not every partition is being followed; nil: all are.
func (w *Worker) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for p, err := range w.waiting {
		errs = append(errs, fmt.Errorf("partition %d: %w", p, err))
	}
	return errors.Join(errs...)
}

// Follows says whether this worker has a subscription to a partition.
func (w *Worker) Follows(partition int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting[partition] == nil
}

// note says why a partition is not followed; nil: it is.
func (w *Worker) note(partition int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.waiting, partition)
	} else {
		w.waiting[partition] = err
	}
}

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

const (
	// maxStep is the most that passes at the start between two partitions.
	maxStep = 100 * time.Millisecond
	// lookEvery is how often a worker looks for partitions that were added.
	lookEvery = time.Second
)

// Config is what a worker needs.
type Config struct {
	Stream     queue.Stream
	Partitions int   // at the start
	Table      Table // nil: none is ever added
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
	partitions int // at the start
	table      Table
	applier    Applier
	combiner   combiner
	ids        IDs
	news       *news
	logger     *slog.Logger

	mu      sync.Mutex
	known   int           // partitions
	waiting map[int]error // per partition that is not followed: why
}

// New makes a worker.
func New(c Config) *Worker {
	w := &Worker{
		stream: c.Stream, partitions: c.Partitions, table: c.Table, applier: c.Applier,
		combiner: combiner{applier: c.Applier}, ids: c.IDs,
		news: newNews(c.Bus, c.Logger), logger: c.Logger, waiting: make(map[int]error),
	}
	w.learn(c.Partitions)
	return w
}

// learn takes note that there are n partitions, and gives how many it knew.
func (w *Worker) learn(n int) (before int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before = w.known
	for ; w.known < n; w.known++ {
		w.waiting[w.known] = errors.New("not begun yet")
	}
	return before
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
	w.begin(ctx, &running, 0, w.partitions)
	if w.table != nil {
		running.Go(func() { w.look(ctx, &running) })
	}
	ended := make(chan struct{})
	var announcing sync.WaitGroup
	announcing.Go(func() { w.news.run(ended) })
	running.Wait()
	close(ended)
	announcing.Wait()
}

// begin follows the partitions from one up to another. On RabbitMQ before 4 the first to subscribe
// is the active one. Of workers that begin together, within a step, each in an order of its own,
// each is the first somewhere.
func (w *Worker) begin(ctx context.Context, running *sync.WaitGroup, from, to int) {
	step := min(maxStep, time.Second/time.Duration(to-from))
	for i, p := range rand.Perm(to - from) {
		running.Go(func() {
			select {
			case <-time.After(time.Duration(i) * step):
				w.follow(ctx, from+p)
			case <-ctx.Done():
			}
		})
	}
}

// look follows partitions that another process has added, until ctx ends. While the table cannot
// be read nothing is added either.
func (w *Worker) look(ctx context.Context, running *sync.WaitGroup) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		n, err := w.table.CountPartitions(ctx)
		if n = min(n, queue.MaxPartitions); err != nil || ctx.Err() != nil {
			continue
		}
		if before := w.learn(n); before < n {
			w.logger.Info("partitions were added", "partitions", n, "before", before)
			w.begin(ctx, running, before, n)
		}
	}
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
	return partition >= 0 && partition < w.known && w.waiting[partition] == nil
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

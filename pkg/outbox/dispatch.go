package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Sink is a kind of place that facts are sent to. A new one is a value of this type.
type Sink struct {
	Name string
	Each int // deliveries of one integration that are sent at once
	// Deliver sends the deliveries of a job, and gives an error for each: nil promises that it has
	// arrived. It returns soon after ctx ends. It may be called for several jobs at once, of
	// different integrations.
	Deliver func(ctx context.Context, job Job) []error
}

const (
	// jobs is how many integrations a worker sends to at once.
	jobs = 32
	// lookEvery is about how long passes between two looks when nothing is due.
	lookEvery = 500 * time.Millisecond
	// deliverTimeout bounds a job. It is well below the lease, so that two workers send one
	// delivery only when one of them was dead for the other.
	deliverTimeout = 30 * time.Second
	lease          = 2 * time.Minute
	// storeTimeout bounds a call of the store.
	storeTimeout = 5 * time.Second
)

// claimer is the part of Store that a Dispatcher needs.
type claimer interface {
	Claim(ctx context.Context, c Claim) ([]Job, error)
	Settle(ctx context.Context, results []Result) error
	ChangeIntegration(
		ctx context.Context, id uuid.UUID, change func(*Integration) error,
	) (Integration, error)
}

// Dispatcher hands what is due to one sink. Any number may run on one store, in any number of
// processes. One integration that is slow keeps one of its jobs, and no more.
type Dispatcher struct {
	store  claimer
	sink   Sink
	logger *slog.Logger
	now    func() time.Time

	free    chan struct{} // a token for each job that may begin
	running sync.WaitGroup
	mu      sync.Mutex
	busy    map[uuid.UUID]bool
}

// NewDispatcher makes the dispatcher of a sink.
func NewDispatcher(store claimer, sink Sink, logger *slog.Logger) *Dispatcher {
	return &Dispatcher{
		store: store, sink: sink, logger: logger.With("sink", sink.Name), now: time.Now,
		free: make(chan struct{}, jobs), busy: map[uuid.UUID]bool{},
	}
}

// Run claims and delivers until ctx ends. It waits for what is under way, whose results are written
// still.
func (d *Dispatcher) Run(ctx context.Context) {
	defer d.running.Wait()
	for {
		begun, err := d.Once(ctx)
		if err != nil && ctx.Err() == nil {
			d.logger.Warn("deliveries cannot be claimed; trying again later", "error", err)
		}
		if begun > 0 {
			continue
		}
		select {
		case <-time.After(lookEvery/2 + rand.N(lookEvery)):
		case <-ctx.Done():
			return
		}
	}
}

// Once begins the jobs that are due now, and gives how many. It waits until one may begin.
func (d *Dispatcher) Once(ctx context.Context) (begun int, err error) {
	select {
	case d.free <- struct{}{}: // for the first of them
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	room := 1 + cap(d.free) - len(d.free)
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	claimed, err := d.store.Claim(calling, Claim{
		Sink: d.sink.Name, Now: d.now(), Lease: lease, Busy: d.working(), Jobs: room,
		Each: d.sink.Each,
	})
	for i, job := range claimed {
		if i > 0 {
			d.free <- struct{}{} // there is room: nobody else takes it
		}
		d.begin(ctx, job)
	}
	if len(claimed) == 0 {
		<-d.free
	}
	return len(claimed), err
}

// working gives the integrations that jobs are under way for.
func (d *Dispatcher) working() (ids []uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.busy {
		ids = append(ids, id)
	}
	return ids
}

func (d *Dispatcher) mark(id uuid.UUID, busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if busy {
		d.busy[id] = true
	} else {
		delete(d.busy, id)
	}
}

func (d *Dispatcher) begin(ctx context.Context, job Job) {
	d.mark(job.Integration.ID, true)
	d.running.Go(func() {
		defer func() { <-d.free }()
		defer d.mark(job.Integration.ID, false)
		d.deliver(ctx, job)
	})
}

// deliver sends the deliveries of a job, and writes what became of them. What is not written is
// sent again when the lease is over: a receiver knows a fact by its id.
func (d *Dispatcher) deliver(ctx context.Context, job Job) {
	sending, cancel := context.WithTimeout(ctx, deliverTimeout)
	errs := d.sink.Deliver(sending, job)
	cancel()
	now, results := d.now(), make([]Result, len(job.Deliveries))
	gone := false
	for i := range job.Deliveries {
		var err error
		if i < len(errs) {
			err = errs[i]
		} else {
			err = errors.New("the sink said nothing")
		}
		gone = gone || errors.Is(err, ErrGone)
		results[i] = job.Deliveries[i].result(err, now)
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := d.store.Settle(writing, results); err != nil {
		d.logger.Warn("the results of deliveries are lost; they are sent again",
			"integration_id", job.Integration.ID, "deliveries", len(results), "error", err)
	}
	if !gone {
		return
	}
	_, err := d.store.ChangeIntegration(writing, job.Integration.ID, func(i *Integration) error {
		i.Off = "the receiver said that it is gone"
		return nil
	})
	if err != nil {
		d.logger.Warn("an integration whose receiver is gone stays on",
			"integration_id", job.Integration.ID, "error", err)
	}
}

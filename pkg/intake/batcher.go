package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// publishSlots is how many publishes of a partition may be in flight: enough to keep the broker's disk busy while the
// next batch forms, few enough that batches grow under load instead of multiplying.
const publishSlots = 4

// voterInFlight is how many votes of one voter may wait in a partition at once. A person has one; the rest is for
// retries over a bad network.
const voterInFlight = 256

// batcher is the group commit of one partition: one goroutine, no timer. A batch leaves as soon as a slot is free; what
// arrives meanwhile forms the next one.
type batcher struct {
	intake    *Intake
	partition int
	wake      chan struct{} // holds a token while there may be something to send
	slots     chan struct{} // a token per publish in flight
	done      chan struct{}

	mu      sync.Mutex
	waiting []*batch // the last one is open
	voters  map[uuid.UUID]int
	held    int  // votes without an answer
	usual   int  // how many votes the last batch had: the next has room for as many from the start
	stalled bool // no publish was confirmed for a window: whoever comes now would wait in vain
}

func newBatcher(in *Intake, partition int) *batcher {
	return &batcher{
		intake:    in,
		partition: partition,
		wake:      make(chan struct{}, 1),
		slots:     make(chan struct{}, publishSlots),
		done:      make(chan struct{}),
		voters:    make(map[uuid.UUID]int),
	}
}

// add puts a vote into the open batch and gives the batch and the place in it. Busy: too many votes of that voter wait.
// Unavailable: the partition is full or stalled. After a nil error leave must be called once.
func (b *batcher) add(v poll.Vote, accepted time.Time) (*batch, int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.voters[v.VoterID] >= voterInFlight:
		return nil, 0, poll.Errorf(poll.Busy, "too many votes of this voter are under way")
	case b.held >= b.intake.maxPartition:
		return nil, 0, full()
	case b.stalled:
		return nil, 0, poll.Errorf(poll.Unavailable, "votes cannot be stored at the moment; send it again")
	}
	b.held++
	b.voters[v.VoterID]++
	n := len(b.waiting)
	if n == 0 || b.waiting[n-1].full() {
		b.waiting = append(b.waiting, newBatch(b.usual))
		n++
	}
	open := b.waiting[n-1]
	place := open.add(v, accepted)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return open, place, nil
}

// leave says that a request of a voter has its answer.
func (b *batcher) leave(voter uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held--
	if b.voters[voter]--; b.voters[voter] <= 0 {
		delete(b.voters, voter)
	}
}

// take gives the oldest batch; after that nobody adds to it. nil: there is none.
func (b *batcher) take() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return nil
	}
	first := b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	b.usual = len(first.Votes)
	return first
}

// run sends until stop is closed and nothing waits any more.
func (b *batcher) run(stop <-chan struct{}) {
	defer close(b.done)
	for stopping := false; !stopping; {
		select {
		case <-b.wake:
		case <-stop:
			stopping = true
		}
		if !b.flush(stop) {
			return
		}
	}
}

// flush sends what waits; false: it was stopped where the broker confirmed nothing, and what waited is refused.
func (b *batcher) flush(stop <-chan struct{}) bool {
	for {
		if !b.slot(stop) {
			return false
		}
		next := b.take()
		if next == nil {
			<-b.slots
			return true
		}
		if !b.publish(next) && !b.pause(stop) {
			return false
		}
	}
}

// slot waits for a free slot. While the broker confirms nothing for a window, what waits is refused, and so is what
// comes, until a slot is free again; a stop does not wait for that. It says whether it got a slot.
func (b *batcher) slot(stop <-chan struct{}) bool {
	select {
	case b.slots <- struct{}{}:
		return true
	default:
	}
	defer b.stall(false)
	ticker := time.NewTicker(poll.Window)
	defer ticker.Stop()
	for {
		select {
		case b.slots <- struct{}{}:
			return true
		case <-ticker.C:
			b.refuse()
			select {
			case <-stop:
				return false
			default:
			}
		}
	}
}

// pause refuses what waits and what comes, for a window, after a publish that the connection did not take in one: the
// next would wait in vain, too. It says whether the time passed without a stop.
func (b *batcher) pause(stop <-chan struct{}) bool {
	b.refuse()
	defer b.stall(false)
	select {
	case <-time.After(poll.Window):
		return true
	case <-stop:
		return false
	}
}

// refuse stalls, and answers what waits.
func (b *batcher) refuse() {
	b.stall(true)
	for next := b.take(); next != nil; next = b.take() {
		next.settle(queue.ErrRefused, b.intake.now())
	}
}

func (b *batcher) stall(stalled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stalled = stalled
}

// publish writes a batch, with a slot in hand, which the confirm gives back. false: the connection took nothing for a
// window.
func (b *batcher) publish(next *batch) bool {
	now := b.intake.now()
	next.expire(now)
	if len(next.Votes) == 0 {
		next.settle(queue.ErrRefused, now)
		<-b.slots
		return true
	}
	b.intake.expect(next)
	ctx, cancel := context.WithTimeout(context.Background(), poll.Window)
	defer cancel()
	err := b.intake.log.Publish(ctx, b.partition, next.Batch, func(err error) {
		b.settle(next, err)
	})
	if err != nil {
		b.settle(next, err)
	}
	return err == nil || ctx.Err() == nil
}

func (b *batcher) settle(next *batch, err error) {
	if err != nil && !errors.Is(err, queue.ErrUnknown) {
		b.intake.forget(next.ID) // it is not in the log: there will be no verdict
	}
	next.settle(err, b.intake.now())
	<-b.slots
}

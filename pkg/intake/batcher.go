package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// publishSlots is how many publishes of a partition may be in flight: enough to keep the broker's disk busy while the
// next batch forms, few enough that batches grow under load instead of multiplying.
const publishSlots = 4

// A message costs the broker, the worker and the database as much as counting dozens of votes does, whatever it holds. So a
// smaller batch leaves only when no other of its partition is under way, and the processors have something left for more votes.
// A larger one does not wait for that, if it is a worthwhile share of all votes that wait for an answer: then one forms, one is
// written, one is counted, and one waits for whoever of these is done first, each as large as can be. That is worth up to 2.8 times as
// many votes through NGINX ("Tried and kept" in docs/benchmarks.md, which has the limits that were tried, too).
const (
	worthwhile      = 32
	worthwhileShare = 4 // one in so many
)

// patience is how long after its confirm a batch that has no verdict yet counts as under way: where nobody counts, votes are
// accepted all the same.
const patience = 10 * time.Millisecond

// voterInFlight is how many votes of one voter may wait in a partition at once. A person has one; the rest is for
// retries over a bad network.
const voterInFlight = 256

// batcher is the group commit of one partition: one goroutine, and no timer between a vote and an idle log. A batch leaves as
// soon as it may; what arrives meanwhile forms the next one.
type batcher struct {
	intake    *Intake
	partition int
	wake      chan struct{} // holds a token when there is something new for run
	done      chan struct{}

	mu       sync.Mutex
	waiting  []*batch            // the last one is open
	flying   int                 // publishes that are not confirmed
	underWay map[*batch]struct{} // published, and neither answered nor confirmed for longer than patience
	voters   map[uuid.UUID]int
	held     int  // votes without an answer
	usual    int  // how many votes the last batch had: the next has room for as many from the start
	stalled  bool // no publish was confirmed for a window: whoever comes now would wait in vain
	stopping bool // what waits leaves as it is
}

func newBatcher(in *Intake, partition int) *batcher {
	return &batcher{
		intake:    in,
		partition: partition,
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		underWay:  make(map[*batch]struct{}, publishSlots),
		voters:    make(map[uuid.UUID]int),
	}
}

// add puts a vote into the open batch and gives the batch and the place in it. Busy: too many votes of that voter wait.
// Unavailable: the partition is full or stalled. After a nil error leave must be called once.
func (b *batcher) add(v poll.Vote, accepted time.Time, waits *pending) (*batch, int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.voters[v.VoterID] >= voterInFlight:
		return nil, 0, fault.Errorf(fault.Busy, "too many votes of this voter are under way")
	case b.held >= b.intake.maxPartition:
		return nil, 0, full()
	case b.stalled:
		return nil, 0, fault.Errorf(fault.Unavailable, "votes cannot be stored at the moment; send it again")
	}
	b.held++
	b.voters[v.VoterID]++
	n := len(b.waiting)
	if n == 0 || b.waiting[n-1].full() {
		b.waiting = append(b.waiting, newBatch(b, b.usual))
		n++
	}
	open := b.waiting[n-1]
	place := open.add(v, accepted)
	if waits != nil {
		open.await(place, waits)
	}
	if place == 0 || b.ready() { // the first one wakes run in any case: from now on something waits
		b.wakeUp()
	}
	return open, place, nil
}

// leave says that a request of each of these voters has its answer.
func (b *batcher) leave(voters ...uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= len(voters)
	for _, voter := range voters {
		if b.voters[voter]--; b.voters[voter] <= 0 {
			delete(b.voters, voter)
		}
	}
	if b.ready() { // fewer wait: what waits to leave may be a worthwhile share of them now
		b.wakeUp()
	}
}

// ready says whether a batch may leave now. mu is held.
func (b *batcher) ready() bool {
	return len(b.waiting) > 0 && b.flying < publishSlots &&
		(len(b.underWay) == 0 || len(b.waiting) > 1 || len(b.waiting[0].Votes) >= max(worthwhile, b.held/worthwhileShare) || b.stopping)
}

// wakeUp has run look again.
func (b *batcher) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take gives the oldest batch if it may leave, as one that is under way; after that nobody adds to it. Else it says whether
// one waits.
func (b *batcher) take() (next *batch, waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ready() {
		return nil, len(b.waiting) > 0
	}
	next = b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	b.usual = len(next.Votes)
	b.flying++
	b.underWay[next] = struct{}{}
	return next, true
}

// run sends until stop is closed and nothing waits any more, or nothing is confirmed any more: what waited is refused then.
func (b *batcher) run(stop <-chan struct{}) {
	defer close(b.done)
	window := time.NewTimer(poll.Window)
	defer window.Stop()
	blocked := false // since window began
	for {
		next, waits := b.take()
		switch {
		case next != nil:
			blocked = false
			if !b.publish(next) && !b.pause(stop) {
				return
			}
			continue
		case !waits && stop == nil:
			return
		case waits && !blocked:
			blocked = true
			window.Reset(poll.Window)
		}
		select {
		case <-b.wake:
		case <-stop:
			stop = nil
			b.hurry()
		case <-window.C:
			if blocked {
				b.refuse(false)
				blocked = false
			}
		}
	}
}

// hurry has what waits leave.
func (b *batcher) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopping = true
}

// pause refuses what waits and what comes, for a window, after a publish that the connection did not take in one: the
// next would wait in vain, too. It says whether the time passed without a stop.
func (b *batcher) pause(stop <-chan struct{}) bool {
	b.refuse(true)
	defer b.resume()
	select {
	case <-time.After(poll.Window):
		return true
	case <-stop:
		return false
	}
}

// refuse stalls, and answers what waits. What comes is refused, too, until something is confirmed, or the pause is over. Without
// a pause, and with nothing that a confirm is still to come for, it does nothing: the last one came just now, what waits may
// leave in a moment, and nobody would ever say that votes are taken again.
func (b *batcher) refuse(paused bool) {
	b.mu.Lock()
	if !paused && b.flying == 0 {
		b.mu.Unlock()
		return
	}
	waiting := b.waiting
	b.waiting, b.stalled = nil, true
	b.mu.Unlock()
	for _, next := range waiting {
		next.settle(queue.ErrRefused, b.intake.now())
		b.intake.tell(next)
	}
}

// resume takes votes again.
func (b *batcher) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stalled = false
}

// publish writes a batch that was taken. false: the connection took nothing for a window.
func (b *batcher) publish(next *batch) bool {
	now := b.intake.now()
	next.expire(now)
	if len(next.Votes) == 0 {
		b.settle(next, queue.ErrRefused)
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

// settle says what became of a publish.
func (b *batcher) settle(next *batch, err error) {
	if err != nil && !errors.Is(err, queue.ErrUnknown) {
		b.intake.forget(next.ID) // it is not in the log: there will be no verdict
	}
	next.settle(err, b.intake.now())
	if err != nil || next.expired != nil || next.asyncs {
		b.intake.tell(next)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying--
	b.stalled = false
	if _, unanswered := b.underWay[next]; unanswered && err == nil {
		next.lapse = time.AfterFunc(patience, func() { b.over(next) })
	} else {
		delete(b.underWay, next)
	}
	if b.ready() {
		b.wakeUp()
	}
}

// over says that a batch has its verdicts, or that nobody waits with the next one for them any more.
func (b *batcher) over(gone *batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if gone.lapse != nil {
		gone.lapse.Stop()
	}
	delete(b.underWay, gone)
	if b.ready() {
		b.wakeUp()
	}
}

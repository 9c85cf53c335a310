package commit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// publishSlots is how many publishes of a partition may be in flight. They keep the broker's disk
// busy while the next batch forms. With more of them batches would multiply under load, and not
// grow.
const publishSlots = 4

// A message costs the broker, the worker and the database as much as applying dozens of items does.
// So a smaller batch leaves only when no other of its partition is under way. The processors have
// something left then for more items. A larger one does not wait, if it is a worthwhile share of
// the items without an answer. Then one forms, one is written, one is applied, and one waits for
// the first of these to be done. Each is as large as can be ("Tried and kept" in
// docs/benchmarks.md).
const (
	worthwhile      = 32
	worthwhileShare = 4 // one in so many
)

const (
	// patience is how long after its confirm a batch without results counts as under way. Where
	// no worker applies, items are taken all the same.
	patience = 10 * time.Millisecond
	// stall is how long the log may confirm nothing, or the connection take nothing, before what
	// waits is refused.
	stall = time.Second
	// senderItems is how many items of one sender may wait in a partition. A person has one; the
	// rest is for retries over a bad network.
	senderItems = 256
)

// lane is the group commit of one partition: one goroutine, and no timer between an item and an
// idle log. A batch leaves as soon as it may; what arrives meanwhile forms the next one.
type lane[T, R any] struct {
	group     *Group[T, R]
	partition int
	nudged    chan struct{} // holds a token when there is something new for run

	mu       sync.Mutex
	waiting  []*batch[T, R]            // the last one is open
	flying   int                       // publishes that are not confirmed
	underWay map[*batch[T, R]]struct{} // published; until the reply, or patience is over
	senders  map[uuid.UUID]int
	spare    [][]byte // for bodies: those of confirmed entries are used again
	held     int      // items without an answer
	usual    int      // items of the last batch: the next one has room for as many
	stalled  bool     // nothing was confirmed: what comes now would wait in vain
	stopping bool     // what waits leaves as it is
}

func newLane[T, R any](g *Group[T, R], partition int) *lane[T, R] {
	return &lane[T, R]{
		group:     g,
		partition: partition,
		nudged:    make(chan struct{}, 1),
		underWay:  make(map[*batch[T, R]]struct{}, publishSlots),
		senders:   make(map[uuid.UUID]int),
	}
}

// admit puts an item into the open batch and gives the batch and the place in it. After a nil
// error release must be called once.
func (l *lane[T, R]) admit(item *Item[T], w *waiter) (*batch[T, R], int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, place, err := l.join(item)
	if err == nil {
		b.waiters.add(w)
	}
	return b, place, err
}

// enlist puts an item into the open batch, which releases its sender when the hearer is told.
func (l *lane[T, R]) enlist(item *Item[T], h hearer[T, R]) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, place, err := l.join(item)
	if err == nil {
		h.place = place
		b.listen(&h)
	}
	return err
}

// join puts an item into the open batch. Busy: too many items of that sender wait. Unavailable:
// the partition is full or stalled. mu is held.
func (l *lane[T, R]) join(item *Item[T]) (*batch[T, R], int, error) {
	switch {
	case l.senders[item.Sender] >= senderItems:
		return nil, 0, l.group.config.Words.busy()
	case l.held >= int(l.group.maxLane.Load()):
		return nil, 0, l.group.config.Words.full()
	case l.stalled:
		return nil, 0, l.group.config.Words.stalled()
	}
	if item.Accepted.IsZero() {
		item.Accepted = item.Arrived
	}
	l.held++
	l.senders[item.Sender]++
	n := len(l.waiting)
	if n == 0 || l.waiting[n-1].full() {
		l.waiting = append(l.waiting, newBatch(l, l.usual))
		n++
	}
	open := l.waiting[n-1]
	place := open.put(item)
	if place == 0 || l.due() { // the first one nudges in any case: from now on something waits
		l.nudge()
	}
	return open, place, nil
}

// release says that an item of each of these senders has its answer.
func (l *lane[T, R]) release(senders ...uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held -= len(senders)
	for _, sender := range senders {
		if l.senders[sender]--; l.senders[sender] <= 0 {
			delete(l.senders, sender)
		}
	}
	if l.due() { // fewer wait: what waits to leave may be a worthwhile share of them now
		l.nudge()
	}
}

// due says whether a batch may leave now. mu is held.
func (l *lane[T, R]) due() bool {
	return len(l.waiting) > 0 && l.flying < publishSlots &&
		(len(l.underWay) == 0 || len(l.waiting) > 1 || l.stopping ||
			len(l.waiting[0].items) >= max(worthwhile, l.held/worthwhileShare))
}

// nudge has run look again.
func (l *lane[T, R]) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default:
	}
}

// depart gives the oldest batch if it may leave, as one that is under way; after that nobody
// adds to it. Else it says whether one waits.
func (l *lane[T, R]) depart() (next *batch[T, R], waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.due() {
		return nil, len(l.waiting) > 0
	}
	next = l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	l.usual = len(next.items)
	l.flying++
	l.underWay[next] = struct{}{}
	return next, true
}

// run publishes until stop is closed and nothing waits any more. If nothing is confirmed any more,
// what waited is refused then.
func (l *lane[T, R]) run(stop <-chan struct{}) {
	stalls := time.NewTimer(stall)
	defer stalls.Stop()
	blocked := false // since stalls was set
	for {
		next, waits := l.depart()
		switch {
		case next != nil:
			blocked = false
			if !l.publish(next) && !l.pause(stop) {
				return
			}
			continue
		case !waits && stop == nil:
			return
		case waits && !blocked:
			blocked = true
			stalls.Reset(stall)
		}
		select {
		case <-l.nudged:
		case <-stop:
			stop = nil
			l.hurry()
		case <-stalls.C:
			if blocked {
				l.refuse(false)
				blocked = false
			}
		}
	}
}

// hurry has what waits leave.
func (l *lane[T, R]) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
}

// pause refuses what waits and what comes, for the time of a stall. It follows a publish that the
// connection did not take in one: the next would wait in vain, too. It says whether the time passed
// without a stop.
func (l *lane[T, R]) pause(stop <-chan struct{}) bool {
	l.refuse(true)
	defer l.resume()
	select {
	case <-time.After(stall):
		return true
	case <-stop:
		return false
	}
}

// refuse stalls, and answers what waits. What comes is refused, too, until something is confirmed,
// or the pause is over.
//
// Without a pause, and with no publish in flight, it does nothing. The last confirm came just now,
// and what waits may leave in a moment. If it stalled, no confirm would ever end that.
func (l *lane[T, R]) refuse(paused bool) {
	l.mu.Lock()
	if !paused && l.flying == 0 {
		l.mu.Unlock()
		return
	}
	waiting := l.waiting
	l.waiting, l.stalled = nil, true
	l.mu.Unlock()
	for _, b := range waiting {
		b.settle(queue.ErrRefused, l.group.config.Now())
		b.tell()
	}
}

// resume takes items again.
func (l *lane[T, R]) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled = false
}

// publish writes a batch that has departed. False: the connection took nothing for the time of a
// stall.
func (l *lane[T, R]) publish(b *batch[T, R]) bool {
	items := b.expire(l.group.config.Now(), l.group.config.Window)
	if len(items) == 0 {
		l.land(b, queue.ErrRefused)
		return true
	}
	kind, body, err := l.group.config.Encode(l.room(), items)
	if err != nil {
		l.land(b, err)
		return true
	}
	b.body = body
	l.group.expect(b)
	ctx, cancel := context.WithTimeout(context.Background(), stall)
	defer cancel()
	entry := queue.Entry{ID: b.id, Type: kind, Body: body}
	landed := func(err error) { l.land(b, err) }
	if err = l.group.log.Publish(ctx, l.partition, entry, landed); err != nil {
		l.land(b, err)
	}
	return err == nil || ctx.Err() == nil
}

// room gives the memory of a body that nobody needs any more, or nil. There is at most one for
// each slot.
func (l *lane[T, R]) room() (buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.spare); n > 0 {
		buf, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	return buf
}

// land ends a publish.
func (l *lane[T, R]) land(b *batch[T, R], err error) {
	if refuses(err) {
		l.group.forget(b.id) // it is not in the log: there will be no results
	}
	b.settle(err, l.group.config.Now())
	if err != nil || b.expired != nil || b.hearers.asyncs {
		b.tell()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying--
	l.stalled = false
	if err == nil {
		l.spare = append(l.spare, b.body[:0])
		b.body = nil
	}
	if _, unanswered := l.underWay[b]; unanswered && err == nil && !l.stopping {
		b.lapse = time.AfterFunc(patience, func() { l.retire(b) })
	} else {
		delete(l.underWay, b)
	}
	if l.due() {
		l.nudge()
	}
}

// retire says that a batch has its results, or that the next one waits no longer for them.
func (l *lane[T, R]) retire(b *batch[T, R]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.lapse != nil {
		b.lapse.Stop()
	}
	delete(l.underWay, b)
	if l.due() {
		l.nudge()
	}
}

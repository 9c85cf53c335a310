package commit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Hearer is told what became of an item (Group.Submit). It must be quick: the others of the
// batch are told after it.
type Hearer[T, R any] interface {
	Heard(item T, result R, err error)
}

// hearer is a sender that does not block and is not told yet. A goroutine that waits would cost
// about as much as all the rest of an item does (BenchmarkVote of the API). Its stack grows cold
// while the entry is applied.
type hearer[T, R any] struct {
	to      Hearer[T, R]
	place   int
	ctx     context.Context
	sender  uuid.UUID
	arrived time.Time
	async   bool
}

// hearers are those of a batch. The lane's lock guards them while the batch is open, and mu
// after that.
type hearers[T, R any] struct {
	mu        sync.Mutex
	left      []hearer[T, R]
	asyncs    bool        // a hearer waits for the confirm only
	attention *time.Timer // when the usual wait is over; nil: there are no hearers
}

// none says whether all of them were told. The batch is not open.
func (h *hearers[T, R]) none() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.left) == 0
}

// listen adds the hearer of the last item of an open batch.
func (b *batch[T, R]) listen(h *hearer[T, R]) {
	if b.hearers.attention == nil {
		b.hearers.left = make([]hearer[T, R], 0, cap(b.items))
		b.hearers.attention = time.AfterFunc(DefaultWait, b.attend)
	}
	b.hearers.left = append(b.hearers.left, *h)
	b.hearers.asyncs = b.hearers.asyncs || h.async
}

// told is what a hearer is told.
type told[T, R any] struct {
	hearer[T, R]
	result R
	err    error
}

// tell tells the hearers whose answer is known, in a goroutine: there may be hundreds, and each
// has an answer to write. The batch is not open.
func (b *batch[T, R]) tell() {
	if b.hearers.attention == nil || b.hearers.none() {
		return
	}
	go func() {
		all := b.heard()
		senders := make([]uuid.UUID, len(all))
		for i := range all {
			senders[i] = all[i].sender
		}
		b.home.release(senders...)
		group := b.home.group
		group.waiting.Add(-int64(len(all)))
		for i := range all {
			t := &all[i]
			t.to.Heard(b.items[t.place], t.result, t.err)
			group.telling.Done()
		}
	}()
}

// heard takes out the hearers whose answer is known.
func (b *batch[T, R]) heard() []told[T, R] {
	b.hearers.mu.Lock()
	defer b.hearers.mu.Unlock()
	all := make([]told[T, R], 0, len(b.hearers.left))
	left := b.hearers.left[:0]
	for _, h := range b.hearers.left {
		if result, known, err := b.answer(h.place, b.accepted[h.place], !h.async, h.async); known {
			all = append(all, told[T, R]{h, result, err})
		} else {
			left = append(left, h)
		}
	}
	clear(b.hearers.left[len(left):])
	if b.hearers.left = left; len(left) == 0 {
		b.hearers.attention.Stop()
	}
	return all
}

// attend gives each hearer that is left a goroutine that waits as Commit does. They are few, or
// nothing is quick any more.
func (b *batch[T, R]) attend() {
	b.home.mu.Lock()
	defer b.home.mu.Unlock()
	b.hearers.mu.Lock()
	defer b.hearers.mu.Unlock()
	for _, h := range b.hearers.left {
		go b.attendTo(h, b.items[h.place], b.accepted[h.place])
	}
	clear(b.hearers.left)
	b.hearers.left = b.hearers.left[:0]
	if slices.Contains(b.home.waiting, b) { // more may come
		b.hearers.attention.Reset(DefaultWait / 10)
	}
}

// attendTo waits for the answer of one item, and tells its hearer.
func (b *batch[T, R]) attendTo(h hearer[T, R], item T, accepted time.Time) {
	group := b.home.group
	w := group.waiter()
	b.waiters.add(w)
	wait := Wait{For: DefaultWait, Async: h.async}
	result, err := b.await(h.ctx, w, h.place, h.arrived, accepted, wait)
	group.waiters.Put(w)
	b.home.release(h.sender)
	group.waiting.Add(-1)
	h.to.Heard(item, result, err)
	group.telling.Done()
}

package commit

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Bounds of a batch. They keep an entry far below what a broker takes, and a worker's decoded
// prefetch small.
const (
	maxItems = 500
	maxBytes = 64 << 10 // of Item.Bytes
)

// batch is the items that leave in one entry. What becomes of the entry is the fate of each of
// them. So an item has neither a channel nor a place in Group.expected.
//
// The lane's lock guards a batch while it is open. Nobody adds to it after that.
type batch[T, R any] struct {
	home     *lane[T, R]
	id       uuid.UUID
	items    []T
	accepted []time.Time // per item
	bytes    int
	expired  []bool // items that were taken out before the write; nil: none
	body     []byte // of the entry, until that is confirmed

	fate    fate[R]
	lapse   *time.Timer // the lane's; nil: not confirmed yet
	waiters waiters
	hearers hearers[T, R]
}

// newBatch makes a batch with room for so many items.
func newBatch[T, R any](home *lane[T, R], items int) *batch[T, R] {
	return &batch[T, R]{
		home: home, id: NewID(), items: make([]T, 0, items), accepted: make([]time.Time, 0, items),
	}
}

func (b *batch[T, R]) full() bool { return len(b.items) >= maxItems || b.bytes >= maxBytes }

// put appends an item and gives its place.
func (b *batch[T, R]) put(item *Item[T]) int {
	b.items = append(b.items, item.Value)
	b.accepted = append(b.accepted, item.Accepted)
	b.bytes += item.Bytes
	return len(b.items) - 1
}

// expire gives the items to write: those that were accepted no longer than a window before now.
// Places stay.
func (b *batch[T, R]) expire(now time.Time, window time.Duration) []T {
	old := func(at time.Time) bool { return window > 0 && now.Sub(at) > window }
	if !slices.ContainsFunc(b.accepted, old) {
		return b.items // as always but under a stalled broker
	}
	b.expired = make([]bool, len(b.accepted))
	kept := make([]T, 0, len(b.items))
	for place, at := range b.accepted {
		if b.expired[place] = old(at); !b.expired[place] {
			kept = append(kept, b.items[place])
		}
	}
	return kept
}

// written says whether the item at a place was in the entry, and where.
func (b *batch[T, R]) written(place int) (at int, ok bool) {
	at = place
	if b.expired == nil {
		return at, true
	}
	for _, gone := range b.expired[:place] {
		if gone {
			at--
		}
	}
	return at, !b.expired[place]
}

// settle notes what became of the publish, and wakes the waiters that learn something by it. It
// is called once.
func (b *batch[T, R]) settle(err error, now time.Time) {
	b.fate.confirm(err, now)
	b.waiters.wake(b.expired != nil || b.fate.refused())
}

// reply notes the results, and wakes the waiters. It is called once.
func (b *batch[T, R]) reply(results []R) {
	b.fate.reply(results)
	b.waiters.wake(true)
}

// durable says whether an item that was accepted then is in the log for certain, and in time.
// Only then may a sender be told that the item is accepted. The error is the publish's.
func (b *batch[T, R]) durable(accepted time.Time) (bool, error) {
	return b.fate.durable(accepted, b.home.group.config.Window)
}

// answer gives what the sender of the item at a place is told, and whether that is known. A
// patient sender waits for the result, another one until the item is durable. An async sender is
// told no more than that, except what is wrong.
func (b *batch[T, R]) answer(
	place int, accepted time.Time, patient, async bool,
) (r R, known bool, err error) {
	var none R
	words := &b.home.group.config.Words
	durable, err := b.durable(accepted)
	switch {
	case b.fate.replied.Load():
		at, ok := b.written(place)
		if !ok || at >= len(b.fate.results) {
			return r, true, words.Unknown(err)
		}
		if r, err = b.judge(place, at); async && durable && err == nil {
			r = none
		}
		return r, true, err
	case !b.fate.confirmed.Load():
		return r, false, nil
	}
	if _, ok := b.written(place); !ok {
		return r, true, words.refused(queue.ErrRefused)
	}
	if b.fate.refused() {
		return r, true, words.refused(b.fate.err)
	}
	return r, durable && !patient, nil
}

// judge gives what the result at a place of the entry means.
func (b *batch[T, R]) judge(place, at int) (R, error) {
	if judge := b.home.group.config.Judge; judge != nil {
		return judge(b.items[place], b.fate.results[at])
	}
	return b.fate.results[at], nil
}

// fate is what became of an entry. It is written once on each side, and any goroutine may read
// it.
type fate[R any] struct {
	confirmed   atomic.Bool // err and confirmedAt are set
	confirmedAt time.Time
	err         error // of the publish; neither ErrRefused nor ErrUnknown: a fault of the program

	replied atomic.Bool // results is set
	results []R
}

func (f *fate[R]) confirm(err error, now time.Time) {
	f.err, f.confirmedAt = err, now
	f.confirmed.Store(true)
}

func (f *fate[R]) reply(results []R) {
	f.results = results
	f.replied.Store(true)
}

// refused says whether the entry is not in the log and never will be.
func (f *fate[R]) refused() bool { return f.confirmed.Load() && refuses(f.err) }

// refuses says whether an error of a publish means that the entry is not in the log.
func refuses(err error) bool { return err != nil && !errors.Is(err, queue.ErrUnknown) }

// durable says whether the entry was confirmed within the window of an item that was accepted
// then.
func (f *fate[R]) durable(accepted time.Time, window time.Duration) (bool, error) {
	if !f.confirmed.Load() {
		return false, nil
	}
	return f.err == nil && (window <= 0 || f.confirmedAt.Sub(accepted) <= window), f.err
}

package commit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// waiter is a sender that blocks. It is used again for other items, so its news may be about an
// earlier one. After each the waiter asks its batch what is known.
type waiter struct {
	news  chan struct{} // holds a token when something became of the batch
	timer *time.Timer
	eager atomic.Bool // the confirm alone is news
}

// waiter gives one that is not used. One made for each item would be a good part of what an item
// allocates.
func (g *Group[T, R]) waiter() *waiter {
	if w, ok := g.waiters.Get().(*waiter); ok {
		return w
	}
	w := &waiter{news: make(chan struct{}, 1), timer: time.NewTimer(Deadline)}
	w.timer.Stop() // nothing is left in its channel after that (since Go 1.23)
	return w
}

// waiters are those of a batch.
type waiters struct {
	mu  sync.Mutex
	all []*waiter
}

func (w *waiters) add(one *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, one)
}

// wake brings news to all waiters, or to those that the confirm is enough for.
func (w *waiters) wake(all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.all {
		if all || one.eager.Load() {
			select {
			case one.news <- struct{}{}:
			default:
			}
		}
	}
}

// await blocks until the answer of the item at a place is known. The waiter is one of the
// batch's. Its patience is measured from the item's arrival, the window from the acceptance.
func (b *batch[T, R]) await(
	ctx context.Context, w *waiter, place int, arrived, accepted time.Time, wait Wait,
) (r R, err error) {
	now, words := b.home.group.config.Now, &b.home.group.config.Words
	patient := !wait.Async && wait.For > 0 // it wants the result, until its wait is over
	budget := Deadline
	if patient {
		budget = min(wait.For, Deadline)
	}
	w.eager.Store(!patient)
	w.timer.Reset(budget - now().Sub(arrived))
	defer w.timer.Stop()
	for {
		if r, known, err := b.answer(place, accepted, patient, wait.Async); known {
			return r, err
		}
		select {
		case <-w.news:
		case <-w.timer.C:
			durable, err := b.durable(accepted)
			switch waited := now().Sub(arrived); {
			case durable:
				return r, nil
			case waited >= Deadline:
				return r, words.Unknown(err)
			default:
				w.timer.Reset(Deadline - waited)
			}
			patient = false
			w.eager.Store(true)
		case <-ctx.Done():
			if durable, _ := b.durable(accepted); durable {
				return r, nil
			}
			return r, words.Unknown(ctx.Err())
		}
	}
}

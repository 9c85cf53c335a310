// Package gather has calls that come at once read together.
package gather

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// abreast is how many reads are under way at most. More would be smaller ones.
const abreast = 4

// Reader reads things that have a key. A call reads at once where few reads are under way. Else it
// waits for the next one, which reads for all that wait. So a crowd costs few statements, and
// nobody alone waits for others. Each read begins after the calls it is for. It is safe for use by
// many goroutines, and starts none.
type Reader[K comparable, V any] struct {
	read    func(ctx context.Context, keys []K) (map[K]V, error)
	most    int
	timeout time.Duration

	mu      sync.Mutex
	running int
	waiting []*round[K, V] // the first is the next one
}

// round is a read that is to begin, and those it is for.
type round[K comparable, V any] struct {
	keys  []K
	calls int           // that wait
	turn  chan struct{} // a token for one of them: it reads
	done  chan struct{}
	found map[K]V
	err   error
}

// New makes a Reader. A read is of at most so many keys, each once, and has so much time. It goes
// on when the call ends that it began with. What is not there is missing in what it finds.
func New[K comparable, V any](
	most int, timeout time.Duration, read func(ctx context.Context, keys []K) (map[K]V, error),
) *Reader[K, V] {
	return &Reader[K, V]{read: read, most: most, timeout: timeout}
}

// Read reads one thing. ok: it is there. The error is that of the read, or Unavailable when ctx
// ends.
func (r *Reader[K, V]) Read(ctx context.Context, k K) (v V, ok bool, err error) {
	one := r.join(k)
	select {
	case <-one.turn:
		r.run(ctx, one)
	case <-one.done:
	case <-ctx.Done():
		r.leave(one)
		return v, false, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
	v, ok = one.found[k]
	return v, ok, one.err
}

// join adds a key to the next read that has room.
func (r *Reader[K, V]) join(k K) *round[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	var one *round[K, V]
	if n := len(r.waiting); n > 0 {
		one = r.waiting[n-1]
	}
	if one == nil || len(one.keys) == r.most && !slices.Contains(one.keys, k) {
		one = &round[K, V]{turn: make(chan struct{}, 1), done: make(chan struct{})}
		r.waiting = append(r.waiting, one)
	}
	if !slices.Contains(one.keys, k) {
		one.keys = append(one.keys, k)
	}
	one.calls++
	r.next()
	return one
}

// next gives a read its turn, if there is one and few are under way.
func (r *Reader[K, V]) next() {
	if len(r.waiting) > 0 && r.running < abreast {
		r.waiting[0].turn <- struct{}{}
		r.waiting = r.waiting[1:]
		r.running++
	}
}

func (r *Reader[K, V]) run(ctx context.Context, one *round[K, V]) {
	defer func() {
		close(one.done)
		r.over()
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	one.err = fault.Unavailablef(nil, "the read was cut off") // of a read that panics
	one.found, one.err = r.read(ctx, one.keys)
}

func (r *Reader[K, V]) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	r.next()
}

// leave takes a call out of a read. One that is left by all is not done.
func (r *Reader[K, V]) leave(one *round[K, V]) {
	r.mu.Lock()
	one.calls--
	left := one.calls == 0
	if i := slices.Index(r.waiting, one); left && i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		left = false
	}
	r.mu.Unlock()
	if left {
		select {
		case <-one.turn:
			r.over()
		default: // it is under way
		}
	}
}

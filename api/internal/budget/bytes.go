package budget

import (
	"context"
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Bytes bounds how many bytes of answers are in memory until they are sent. The same bytes count
// once, however many they are sent to. It is safe for use by many goroutines.
type Bytes struct {
	most, mostWaiting int64
	sending, waiting  *semaphore.Weighted

	mu   sync.Mutex
	held map[*byte]*holding // by where the bytes begin
}

// holding is an answer that one client or several are sent.
type holding struct {
	clients int
	size    int64 // that it takes of the budget
}

// NewBytes makes a budget of so many bytes for answers that are being sent, and of so many more for
// answers that wait for room.
func NewBytes(most, mostWaiting int64) *Bytes {
	return &Bytes{
		most: most, mostWaiting: mostWaiting, sending: semaphore.NewWeighted(most),
		waiting: semaphore.NewWeighted(mostWaiting),
		held:    map[*byte]*holding{},
	}
}

// Hold takes room for an answer that is not empty, and release gives it back, once. Who finds none
// waits until ctx ends, or does not wait where those who do hold too much already; the error is
// then Unavailable. An answer larger than the budget takes all of it.
func (b *Bytes) Hold(ctx context.Context, answer []byte) (release func(), err error) {
	at := unsafe.SliceData(answer)
	if !b.join(at) {
		size := min(int64(cap(answer)), b.most)
		if err := b.acquire(ctx, size); err != nil {
			return nil, err
		}
		b.begin(at, size)
	}
	return sync.OnceFunc(func() { b.leave(at) }), nil
}

// Room is Hold for what an answer is made of while it is sent: so many bytes that no other shares.
func (b *Bytes) Room(ctx context.Context, size int) (release func(), err error) {
	takes := min(int64(size), b.most)
	if err := b.acquire(ctx, takes); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { b.sending.Release(takes) }), nil
}

func (b *Bytes) acquire(ctx context.Context, size int64) error {
	if b.sending.TryAcquire(size) {
		return nil
	}
	waits := min(size, b.mostWaiting)
	err := errors.New("as much waits already as may")
	if b.waiting.TryAcquire(waits) {
		defer b.waiting.Release(waits)
		err = b.sending.Acquire(ctx, size)
	}
	if err != nil {
		return fault.Unavailablef(err, "too many large answers are being sent")
	}
	return nil
}

// join adds a client to those who are sent the same bytes, if there are any.
func (b *Bytes) join(at *byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held[at]
	if h != nil {
		h.clients++
	}
	return h != nil
}

// begin is join for who has taken room and found nobody before.
func (b *Bytes) begin(at *byte, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.held[at]; h != nil { // who came meanwhile has taken room, too
		h.clients++
		b.sending.Release(size)
		return
	}
	b.held[at] = &holding{clients: 1, size: size}
}

func (b *Bytes) leave(at *byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held[at]
	if h.clients--; h.clients == 0 {
		delete(b.held, at)
		b.sending.Release(h.size)
	}
}

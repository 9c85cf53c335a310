// Package budget shares what answers take of a process, so that a client that asks for much leaves
// enough to others. It shares turns at what is costly, and memory for what was answered and is not
// sent yet.
package budget

import (
	"context"
	"runtime"
	"sync"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Turns bounds how many do something costly at once. It is safe for use by many goroutines.
type Turns struct {
	taken chan struct{}
	long  chan struct{} // of those who wait for a long turn, the one that is next
}

// NewTurns gives turns to n at once.
func NewTurns(n int) *Turns {
	return &Turns{taken: make(chan struct{}, n), long: make(chan struct{}, 1)}
}

// Costly gives turns at what keeps a processor busy: half of the processors at most. The others are
// for votes.
func Costly() *Turns { return NewTurns(max(1, runtime.GOMAXPROCS(0)/2)) }

// Take waits for a turn until ctx ends; the error is then Unavailable. End gives the turn back,
// once. Who has waited longest is next.
func (t *Turns) Take(ctx context.Context) (end func(), err error) { return take(ctx, t.taken) }

// TakeLong is Take for what lasts longer than most. However many wait for long turns, who wants a
// short one waits behind one of them.
func (t *Turns) TakeLong(ctx context.Context) (end func(), err error) {
	next, err := take(ctx, t.long)
	if err != nil {
		return nil, err
	}
	defer next()
	return take(ctx, t.taken)
}

// Free says whether nobody has a turn.
func (t *Turns) Free() bool { return len(t.taken) == 0 }

func take(ctx context.Context, turns chan struct{}) (end func(), err error) {
	select {
	case turns <- struct{}{}:
		return sync.OnceFunc(func() { <-turns }), nil
	case <-ctx.Done():
		return nil, fault.Unavailablef(ctx.Err(),
			"the server is busy: this did not get its turn in time")
	}
}

// Package budget shares what answers take of a process, so that whoever asks for much leaves enough to others: turns at what is
// costly, and memory for what was answered and is not sent yet.
package budget

import (
	"context"
	"runtime"
	"sync"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Turns bounds how many do something costly at once. It is safe for use by many goroutines; who has waited longest is next.
type Turns chan struct{}

// NewTurns gives turns to n at once.
func NewTurns(n int) Turns { return make(Turns, n) }

// Costly gives turns at what keeps a processor busy: half of the processors at most. The others are for votes.
func Costly() Turns { return NewTurns(max(1, runtime.GOMAXPROCS(0)/2)) }

// Take waits for a turn until ctx ends; the error is then Unavailable. End gives the turn back, once.
func (t Turns) Take(ctx context.Context) (end func(), err error) {
	select {
	case t <- struct{}{}:
		return sync.OnceFunc(func() { <-t }), nil
	case <-ctx.Done():
		return nil, poll.Unavailablef(ctx.Err(), "the server is busy with other large answers")
	}
}

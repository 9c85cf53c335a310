package limit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slice is the time in which a counter that answers at all says something. After so many of
	// them in which it said nothing to anybody, it is away. A process that gets no processor for a
	// while sees few slices pass, and so it does not blame others.
	slice  = 10 * time.Millisecond
	slices = 10
	// longest is how long a call may take of a counter that answers others meanwhile.
	longest = time.Second
	// lookEvery is how often the counter that replicas share is asked whether it counts.
	lookEvery = 250 * time.Millisecond
)

var errSilent = errors.New("it said nothing for 100 ms")

// Remote is a Counter that replicas share, somewhere else.
type Remote interface {
	Counter
	// Ping asks whether the counter counts, and how long that takes. It waits behind no try.
	Ping(ctx context.Context) error
}

// Shared counts together with other replicas. While what they share is away, it counts for itself,
// so that no request waits or is lost. It is safe for use by many goroutines.
type Shared struct {
	all    Remote
	own    *Memory
	logger *slog.Logger

	asking  sync.WaitGroup // tries, and calls: nobody waits for some of these any more
	answers atomic.Int64   // that calls had

	mu   sync.RWMutex
	away bool
	over bool // nobody watches any more
}

// NewShared makes a counter by a rule, which is that of all, too. It looks after all by Watch.
func NewShared(all Remote, rule Rule, logger *slog.Logger) *Shared {
	return &Shared{all: all, own: NewMemory(rule, time.Now), logger: logger}
}

// Take is the promise of Counter, but that it never fails. While what is shared says nothing, a try
// waits for 100 ms at most. While it answers others, a try may stand in their queue. If Watch runs,
// that is for half a second at most: what is as slow as that is away.
func (s *Shared) Take(ctx context.Context, key string) (Answer, error) {
	if s.enter() {
		defer s.asking.Done()
		var a Answer
		err := s.ask(ctx, queueing, func(ctx context.Context) (err error) {
			a, err = s.all.Take(ctx, key)
			return err
		})
		if err == nil {
			return a, nil
		}
		if ctx.Err() == nil { // else it was given up
			s.heard(err)
		}
	}
	return s.own.Take(ctx, key)
}

// Away says whether the replica counts for itself now.
func (s *Shared) Away() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.away
}

// enter says whether a try asks what is shared. Then it must say when it is done.
func (s *Shared) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.away || s.over {
		return false
	}
	s.asking.Add(1)
	return true
}

// Watch looks whether what is shared is away, or back, until ctx ends. It returns when nothing asks
// it any more. A later Take counts for this replica.
func (s *Shared) Watch(ctx context.Context) {
	defer s.end()
	for {
		err := s.ask(ctx, alone, s.all.Ping)
		if ctx.Err() != nil {
			return
		}
		s.heard(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

func (s *Shared) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.asking.Wait()
}

// place says behind whom a call waits.
type place bool

const (
	queueing place = true  // behind others, who came at the same time
	alone    place = false // behind nobody
)

// ask makes a call, and waits for its answer: for 100 ms, in which a call that is queueing sees no
// answer to others either.
func (s *Shared) ask(ctx context.Context, p place, call func(context.Context) error) error {
	answer := make(chan error, 1)
	s.asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, longest)
		defer cancel()
		err := call(ctx)
		if err == nil {
			s.answers.Add(1)
		}
		answer <- err
	})
	tick := time.NewTicker(slice)
	defer tick.Stop()
	known := s.answers.Load()
	for silent := 0; silent < slices; silent++ {
		select {
		case err := <-answer:
			return err
		case <-tick.C:
		}
		if now := s.answers.Load(); p == queueing && now != known && !s.Away() {
			known, silent = now, -1
		}
	}
	select {
	case err := <-answer:
		return err
	default:
		return errSilent
	}
}

// heard takes note of what a call gave. A change is one line of the log.
func (s *Shared) heard(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == (err != nil) {
		return
	}
	if s.away = err != nil; s.away {
		s.logger.Warn("limits are counted by this replica alone: what replicas share is away",
			"error", err)
	} else {
		s.logger.Info("limits are counted together again")
	}
}

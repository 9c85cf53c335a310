// Package bus is the port by which replicas tell each other that something changed. It is lossy on
// purpose: it carries no data that anybody shows, so a lost message only makes somebody read the
// store a little later.
package bus

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// Change says that something of a thing, such as a presentation, is not as it was. It is a
// transition (Part nil), or anything else that its owner did (Part nil, Version 0), be it that it
// is gone. Or it is the results of a part of it, such as a poll. It carries no numbers that people
// see; its readers read them from the store.
type Change struct {
	Thing    uuid.UUID
	Part     uuid.UUID
	Version  int64 // of the slide, or that displayed the poll
	Revision int64 // of the part; 0 where whoever announces does not know it
}

// Bus carries changes between all replicas and workers of one deployment. It is safe for use by
// many goroutines.
type Bus interface {
	// Announce tells every subscriber, this process's own included, of changes. It never waits for
	// a slow subscriber or a connection that is away: what cannot be sent now is lost. An error
	// says that it was lost for sure; it is for logs.
	Announce(ctx context.Context, changes ...Change) error

	// Subscribe delivers changes that are announced from now on, until ctx ends; then the channel
	// is closed. The changes come in no promised order, some perhaps twice or never. A subscriber
	// that does not read loses changes and holds up nobody. After a time in which changes may have
	// been lost (a lost connection, a full buffer), it gets a zero Change. Then everything that it
	// knows may be old.
	Subscribe(ctx context.Context) <-chan Change

	// Close gives back what the bus holds and closes every subscription.
	Close() error
}

// fanoutBuffer is how many changes a subscriber may be behind before it loses some.
const fanoutBuffer = 256

// Fanout is the half of a bus that every adapter needs: it hands changes to the subscribers of this
// process. The zero value is ready; it is safe for use by many goroutines, none of its methods
// waits, and it starts no goroutine.
type Fanout struct {
	mu     sync.Mutex
	closed bool
	subs   map[*subscriber]struct{}
}

// subscriber has room for fanoutBuffer changes and behind them for one zero Change, which can thus
// always be said.
type subscriber struct {
	changes chan Change
	told    bool // the last one put in was the zero Change
	stop    func() bool
}

// Subscribe is the promise of Bus. After Close the channel is closed already.
func (f *Fanout) Subscribe(ctx context.Context) <-chan Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &subscriber{changes: make(chan Change, fanoutBuffer+1)}
	if f.closed {
		close(s.changes)
		return s.changes
	}
	if f.subs == nil {
		f.subs = map[*subscriber]struct{}{}
	}
	f.subs[s] = struct{}{}
	s.stop = context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.subs[s]; ok {
			delete(f.subs, s)
			close(s.changes)
		}
	})
	return s.changes
}

// Send hands changes to every subscriber. One that is too far behind loses them and gets a zero
// Change.
func (f *Fanout) Send(changes ...Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		for _, c := range changes {
			if len(s.changes) >= fanoutBuffer || c == (Change{}) {
				s.missed()
				continue
			}
			s.changes <- c
			s.told = false
		}
	}
}

// Missed gives every subscriber a zero Change: changes may have been lost on their way here.
func (f *Fanout) Missed() { f.Send(Change{}) }

// missed puts the zero Change in, unless it is the last one inside: then whoever reads it reads the
// store after this.
func (s *subscriber) missed() {
	if !s.told || len(s.changes) == 0 {
		s.changes <- Change{}
		s.told = true
	}
}

// Close closes every subscriber's channel. What is inside can still be read.
func (f *Fanout) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for s := range f.subs {
		s.stop()
		close(s.changes)
	}
	f.subs = nil
}

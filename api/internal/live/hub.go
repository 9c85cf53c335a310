package live

import (
	"context"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/life"
)

// lingerTime is how long a topic that nobody views is kept: a room comes back all at once.
const lingerTime = 5 * time.Second

// Hub has a topic for everything that somebody watches on this replica. It is safe for use by many
// goroutines. It is a life.Service.
type Hub struct {
	*replica
	features  []Feature
	bus       bus.Bus
	first     []func(bus.Change) // are told of a change before any topic is
	following *life.Tasks        // the bus, and what it may have lost
	end       context.CancelFunc // of the streams

	mu     sync.Mutex
	closed bool
	topics map[Name]*viewed
	// followers are told of changes of what is named
	followers map[Name]map[*viewed]struct{}
}

// Add has a hub serve the topics of more features, before its Start. first is told of every change
// before any topic is: what a topic then reads is not older.
func (h *Hub) Add(first func(bus.Change), features ...Feature) {
	h.first = append(h.first, first)
	h.features = append(h.features, features...)
}

// viewed is a topic with its viewers. All of that is under Hub.mu.
type viewed struct {
	*topic
	viewers int
	left    time.Time // when the last of them left
	quiet   quiet     // when it is looked at next
	used    time.Time // when its head was read last for no other reason than that
}

// join gives a topic, which lives until leave, or nil if the hub ends.
func (h *Hub) join(name Name) *viewed {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.ctx.Err() != nil {
		return nil
	}
	t := h.topics[name]
	if t == nil {
		t = &viewed{topic: newTopic(h.replica, name), used: time.Now()}
		h.topics[name] = t
		h.follow(t)
		ctx, cancel := context.WithCancel(h.ctx)
		h.running.Go(func() {
			defer cancel()
			t.run(ctx, func(ends bool) (bool, time.Time) { return h.forget(t, ends) })
		})
		h.running.Go(func() { t.usher(ctx) })
	}
	t.quiet.heard(time.Now()) // a viewer who comes sees what is not much older
	t.viewers++
	h.running.Add(1)
	return t
}

func (h *Hub) leave(t *viewed) {
	defer h.running.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	t.left = time.Now()
	if t.viewers--; t.viewers == 0 {
		t.rouse()
	}
}

// forget takes a topic out if nobody has viewed it for a while, or for good if it ends. Else it
// says when to ask again.
func (h *Hub) forget(t *viewed, ends bool) (forgotten bool, again time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ends && t.viewers > 0 {
		return false, never
	}
	if again := t.left.Add(lingerTime); !ends && time.Now().Before(again) {
		return false, again
	}
	if h.topics[t.name] == t {
		delete(h.topics, t.name)
	}
	h.unfollow(t)
	return true, never
}

// follow has a topic told of changes of what it follows. h.mu is held.
func (h *Hub) follow(t *viewed) {
	for _, key := range t.follows {
		name := Name{t.name.Feature, key}
		if h.followers[name] == nil {
			h.followers[name] = map[*viewed]struct{}{}
		}
		h.followers[name][t] = struct{}{}
	}
}

// unfollow may be called again. h.mu is held.
func (h *Hub) unfollow(t *viewed) {
	for _, key := range t.follows {
		name := Name{t.name.Feature, key}
		if delete(h.followers[name], t); len(h.followers[name]) == 0 {
			delete(h.followers, name)
		}
	}
}

// heard wakes the topics that a change concerns. Where the bus may have said too little the hub
// looks at all topics at once.
func (h *Hub) heard(change bus.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if change == (bus.Change{}) {
		for _, t := range h.topics {
			t.quiet = quiet{at: now, every: quietLeast}
		}
		return
	}
	for _, f := range h.features {
		key := f.Topic(change)
		if key == nil {
			continue
		}
		for t := range h.followers[Name{f, key}] {
			t.quiet.heard(now)
			t.order(t.state.Load().view.Heard(change))
		}
	}
}

// Await waits until a topic's state is known and not older than what a client saw last. Errors:
// NotFound, Unavailable.
func (h *Hub) Await(ctx context.Context, name Name, lastEventID string) error {
	t := h.join(name)
	if t == nil {
		return errStopping
	}
	defer h.leave(t)
	return t.await(ctx, lastEventID)
}

// Streams tells how many streams are open. It also tells, since the start, how many events were
// sent, and how many streams were cut off because their client was too slow.
func (h *Hub) Streams() (open, sent, cut int64) {
	return h.open.Load(), h.sent.Load(), h.cut.Load()
}

// MakeRoom ends a stream of the address that has the most. False: there is none.
func (h *Hub) MakeRoom() bool { return h.guests.makeRoom(0) }

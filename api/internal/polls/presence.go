package polls

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
)

const (
	// presenceEvery is how often a replica says how many people watch on it, and asks how many
	// watch on all.
	presenceEvery = 2 * time.Second
	// presenceAge is how long a replica's word counts: one that died takes its viewers with it.
	presenceAge = 15 * time.Second
	// presenceTimeout bounds each of these calls.
	presenceTimeout = 2 * time.Second
)

// presenceStore is the part of poll.Store that is needed here.
type presenceStore interface {
	Present(ctx context.Context, replica uuid.UUID, rooms map[uuid.UUID]poll.Presence,
		age time.Duration) error
	Audiences(ctx context.Context, presentations []uuid.UUID,
		age time.Duration) (map[uuid.UUID]poll.Audience, error)
}

// presence tells the presenters who watch on this replica how many people are connected over all
// replicas, and how many passes were given. Presenters themselves are not counted: their screen,
// their remote. However many people there are, it costs a replica one call each presenceEvery while
// somebody watches on it, and another one while a presenter does. It is safe for use by many
// goroutines. It is a life.Service, which says at last that nobody watches.
type presence struct {
	life.Service
	store   presenceStore
	logger  *slog.Logger
	replica uuid.UUID // new with each start: what an earlier run said is forgotten by its age

	mu     sync.Mutex
	crowds map[uuid.UUID]*crowd
}

// newPresence makes a presence that says and asks until it is stopped, or ctx ends.
func newPresence(ctx context.Context, store presenceStore, logger *slog.Logger) *presence {
	p := &presence{store: store, logger: logger, replica: uuid.New()}
	p.crowds = map[uuid.UUID]*crowd{}
	p.Service = life.Loop(func(running context.Context) {
		running, end := context.WithCancel(running)
		defer end()
		defer context.AfterFunc(ctx, end)()
		p.run(running)
	})
	return p
}

// crowd is who watches a presentation on this replica, and who got passes here.
type crowd struct {
	viewers    int
	passes     lately        // that were given
	said       bool          // the store was told of somebody, and not yet that there is nobody
	presenters []chan []byte // each holds the newest event that its stream has not sent
	known      wireAudience  // over all replicas, as presenters know it
	event      []byte        // that says so; nil: it is not known yet
}

// join counts a stream until leave is called. One that is on stage gets news instead: the events
// that it is to send.
func (p *presence) join(id uuid.UUID, onStage bool) (news <-chan []byte, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crowd(id)
	if !onStage {
		c.viewers++
		return nil, func() { p.leave(id, func() { c.viewers-- }) }
	}
	mine := make(chan []byte, 1)
	if c.event != nil {
		mine <- c.event
	}
	c.presenters = append(c.presenters, mine)
	return mine, func() {
		p.leave(id, func() {
			c.presenters = slices.DeleteFunc(c.presenters,
				func(other chan []byte) bool { return other == mine })
			if len(c.presenters) == 0 {
				c.event = nil // it is not kept up any more
			}
		})
	}
}

// crowd gives a presentation's. Under mu.
func (p *presence) crowd(id uuid.UUID) *crowd {
	c := p.crowds[id]
	if c == nil {
		c = &crowd{}
		p.crowds[id] = c
	}
	return c
}

// gave notes that a pass was given to an address, which is named by a hash.
func (p *presence) gave(id uuid.UUID, address int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.crowd(id).passes.add(time.Now(), address)
}

// room gives what this replica knows of the crowd. Under mu.
func (c *crowd) room() poll.Presence {
	r := poll.Presence{Viewers: c.viewers}
	r.Most, r.MostBy = c.passes.most(time.Now())
	return r
}

func (p *presence) leave(id uuid.UUID, change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.forget(id)
}

// forget drops a crowd of which nothing is left to say. Under mu.
func (p *presence) forget(id uuid.UUID) {
	if c := p.crowds[id]; c.viewers == 0 && !c.said && len(c.presenters) == 0 &&
		c.room() == (poll.Presence{}) {
		delete(p.crowds, id)
	}
}

// run says and asks until ctx ends, and at last that nobody watches here.
func (p *presence) run(ctx context.Context) {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			err := p.say(ctx, false)
			if err == nil {
				err = p.ask(ctx)
			}
			if err != nil && !failing && ctx.Err() == nil {
				p.logger.Warn("how many people are connected is not known", "error", err)
			}
			failing = err != nil
		}
	}
	if err := p.say(context.WithoutCancel(ctx), true); err != nil {
		p.logger.Debug("that nobody watches here any more was not said; it will be forgotten",
			"error", err)
	}
}

// say tells the store who is in rooms on this replica, if anybody does or has since the last time;
// nobody if it ends.
func (p *presence) say(ctx context.Context, ends bool) error {
	rooms := map[uuid.UUID]poll.Presence{}
	p.mu.Lock()
	for id, c := range p.crowds {
		if room := c.room(); ends && c.said {
			rooms[id] = poll.Presence{}
		} else if !ends && (c.said || room != (poll.Presence{})) {
			rooms[id], c.said = room, true
		}
	}
	p.mu.Unlock()
	if len(rooms) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	if err := p.store.Present(ctx, p.replica, rooms, presenceAge); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, room := range rooms {
		if room == (poll.Presence{}) {
			c := p.crowds[id]
			c.said = c.room() != room // somebody has just come
			p.forget(id)
		}
	}
	return nil
}

// ask gives presenters what is known of their audience, where it has changed. Without presenters it
// asks nothing.
func (p *presence) ask(ctx context.Context) error {
	var ids []uuid.UUID
	p.mu.Lock()
	for id, c := range p.crowds {
		if len(c.presenters) > 0 {
			ids = append(ids, id)
		}
	}
	p.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	audiences, err := p.store.Audiences(ctx, ids, presenceAge)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if c := p.crowds[id]; c != nil {
			c.know(audiences[id])
		}
	}
	return nil
}

// wireAudience is the data of the event "audience".
type wireAudience struct {
	Connected int   `json:"connected"`
	Passes    int64 `json:"passes,omitempty"`
	// OneAddress is how many passes one address got in the last minute, where that is striking.
	OneAddress int `json:"one_address,omitempty"`
}

// strikingShare and strikingLeast say which passes to one address are striking: more than a tenth
// of a room's in a minute, and not a handful.
const (
	strikingShare = 10
	strikingLeast = 10
)

func toAudience(a poll.Audience) wireAudience {
	w := wireAudience{Connected: a.Viewers, Passes: a.Given}
	if a.Most >= strikingLeast && int64(a.Most)*strikingShare > a.Given {
		w.OneAddress = a.Most
	}
	return w
}

// newCoalescedAudiences reads who is in a room for many at once.
func newCoalescedAudiences(store presenceStore) *live.Reads[uuid.UUID, wireAudience] {
	return live.NewReads(func(ctx context.Context, id uuid.UUID) (wireAudience, error) {
		ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
		defer cancel()
		audiences, err := store.Audiences(ctx, []uuid.UUID{id}, presenceAge)
		return toAudience(audiences[id]), err
	})
}

// know passes on what is known. The event has no id: it is no part of the state that a client
// resumes.
func (c *crowd) know(a poll.Audience) {
	known := toAudience(a)
	if c.event != nil && c.known == known || len(c.presenters) == 0 {
		return
	}
	data, err := json.Marshal(known)
	if err != nil {
		return // numbers can be written
	}
	c.known, c.event = known, []byte("event: audience\ndata: "+string(data)+"\n\n")
	c.send()
}

// edited sends presenters the event that they have once more: what it does not say of the
// presentation is another, too.
func (p *presence) edited(id uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.crowds[id]; c != nil && c.event != nil {
		c.send()
	}
}

// send gives presenters the event. Under mu.
func (c *crowd) send() {
	for _, presenter := range c.presenters {
		select {
		case <-presenter: // what it has not sent is old
		default:
		}
		presenter <- c.event
	}
}

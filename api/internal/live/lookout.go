package httpapi

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// The bus is lossy, so a hub looks whether its topics have missed something: soon where there was news lately, ever more rarely
// where there was none. A lost announcement is so made good after quietMost and lookEvery at the latest.
const (
	// lookEvery is how often the hub looks for all topics that are due, with one statement for every poll.MaxNewest ids.
	lookEvery = 250 * time.Millisecond
	// quietLeast is when a topic is due after it heard of anything. Each look that finds nothing doubles that, up to quietMost.
	quietLeast = time.Second
	quietMost  = 15 * time.Second
	// usedEvery is how often a topic's slide is read even so: who reads it notes that the presentation is used.
	usedEvery = time.Hour
	// lookTimeout bounds each statement.
	lookTimeout = 2 * time.Second
)

// lookoutStore is the part of poll.Store that is needed here.
type lookoutStore interface {
	Newest(ctx context.Context, presentations, polls []uuid.UUID) (poll.Newest, error)
}

// quiet is when a topic is looked at next.
type quiet struct {
	at    time.Time
	every time.Duration
}

// heard says that there is life in a topic. It puts nothing off: who hears of votes all the time may miss a transition.
func (q *quiet) heard(now time.Time) {
	q.every = quietLeast
	if at := now.Add(q.every); q.at.IsZero() || at.Before(q.at) {
		q.at = at
	}
}

// looked says that a look found something, or that something is about to come; or nothing.
func (q *quiet) looked(now time.Time, live bool) {
	if q.every = min(2*q.every, quietMost); live {
		q.every = quietLeast
	}
	q.at = now.Add(q.every)
}

// lookout looks until ctx ends.
func (h *hub) lookout(ctx context.Context, store lookoutStore) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := h.look(ctx, store)
			if err != nil && !failing && ctx.Err() == nil {
				h.logger.Warn("what viewers may have missed is not known", "error", err)
			}
			failing = err != nil
		}
	}
}

// look has those topics that are due read what they have missed. After an error they are due still.
func (h *hub) look(ctx context.Context, store lookoutStore) error {
	for {
		due, presentations, polls := h.due(time.Now())
		if len(due) == 0 {
			return nil
		}
		newest, err := h.newest(ctx, store, presentations, polls)
		if err != nil {
			return err
		}
		now := time.Now() // a read that begins from now on sees all of that
		h.mu.Lock()
		for _, t := range due {
			s := t.state.Load()
			missed := s.missed(t.id, newest, now)
			t.quiet.looked(now, missed != want{} || s.closing() || h.keys.any(t.id))
			if now.Sub(t.used) >= usedEvery {
				t.used, missed.since = now, now
			}
			t.order(func(w *want) { w.add(missed) })
		}
		h.mu.Unlock()
	}
}

func (h *hub) newest(ctx context.Context, store lookoutStore, presentations, polls []uuid.UUID) (poll.Newest, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return store.Newest(ctx, presentations, polls)
}

// due gives topics that are due, with their ids and those of the polls that they follow: as many as one statement takes.
func (h *hub) due(now time.Time) (due []*topic, presentations, polls []uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	room := poll.MaxNewest
	for _, t := range h.topics {
		s := t.state.Load()
		if now.Before(t.quiet.at) || s.read == 0 { // what was never read is being read
			continue
		}
		if room -= 1 + len(s.followed); room < 0 {
			break
		}
		due, presentations = append(due, t), append(presentations, t.id)
		for _, f := range s.followed {
			polls = append(polls, f.id)
		}
	}
	return due, presentations, polls
}

// missed gives what a topic has to read that knows s. What is missing was deleted, which a read finds out.
func (s *state) missed(id uuid.UUID, n poll.Newest, now time.Time) (w want) {
	if version, ok := n.Versions[id]; !ok || version > s.stand {
		w.since = now
	}
	for _, f := range s.followed {
		switch revision, ok := n.Revisions[f.id]; {
		case ok && revision <= f.revision:
		case f.id == s.shown:
			w.since, w.tallies = now, true // who may see its results is said with the slide
		default:
			w.others, w.finals = true, true
		}
	}
	return w
}

// closing says whether votes for a poll may still arrive after it was closed; its results are final soon.
func (s *state) closing() bool {
	return slices.ContainsFunc(s.followed, func(f followed) bool { return f.status == poll.Closing })
}

package work

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

// newsEvery is the least time between announcements: nobody watches bars that move more often,
// and each announcement costs every replica a message.
const newsEvery = 100 * time.Millisecond

// news announces what has changed: the first change at once, what follows in bundles.
type news struct {
	bus    bus.Bus
	logger *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	changed map[subject]bus.Change // the newest
}

// subject is what a change is about.
type subject struct{ thing, part uuid.UUID }

func newNews(b bus.Bus, logger *slog.Logger) *news {
	changed := map[subject]bus.Change{}
	return &news{bus: b, logger: logger, wake: make(chan struct{}, 1), changed: changed}
}

// add has changes announced. It waits for nothing.
func (n *news) add(changes []bus.Change) {
	if len(changes) == 0 {
		return
	}
	n.mu.Lock()
	for _, c := range changes {
		about := subject{c.Thing, c.Part}
		if old, ok := n.changed[about]; !ok || old.Revision < c.Revision {
			n.changed[about] = c
		}
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run announces until end is closed, and then what is left.
func (n *news) run(end <-chan struct{}) {
	for {
		select {
		case <-n.wake:
			n.announce()
		case <-end:
			n.announce()
			return
		}
		select {
		case <-time.After(newsEvery):
		case <-end:
		}
	}
}

func (n *news) announce() {
	n.mu.Lock()
	var changes []bus.Change
	for _, c := range n.changed {
		changes = append(changes, c)
	}
	clear(n.changed)
	n.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), replyTimeout)
	defer cancel()
	if err := n.bus.Announce(ctx, changes...); err != nil {
		n.logger.Log(ctx, levelOf(changes), "changes not announced; replicas learn of them later",
			"changes", len(changes), "error", err)
	}
}

// levelOf says how much it matters that changes were lost. Results change again soon; that a thing
// is gone is said once.
func levelOf(changes []bus.Change) slog.Level {
	if slices.ContainsFunc(changes, func(c bus.Change) bool { return c.Part == uuid.Nil }) {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

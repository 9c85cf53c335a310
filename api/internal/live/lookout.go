package live

import (
	"context"
	"time"
)

// The bus is lossy, so a hub looks whether its topics have missed something. It looks soon where
// there was news lately, ever more rarely where there was none. A lost announcement is so made
// good after quietMost and lookEvery at the latest.
const (
	// lookEvery is how often the hub looks for all topics that are due.
	lookEvery = 250 * time.Millisecond
	// usedEvery is how often a topic's head is read even so, which notes that the topic is used.
	usedEvery = time.Hour
	// lookTimeout bounds each look.
	lookTimeout = 2 * time.Second
)

// lookout looks until ctx ends.
func (h *Hub) lookout(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := make([]bool, len(h.features))
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, f := range h.features {
			err := h.look(ctx, f)
			if err != nil && !failing[i] && ctx.Err() == nil {
				h.logger.Warn("what viewers may have missed is not known", "error", err)
			}
			failing[i] = err != nil
		}
	}
}

// look has those topics of a feature that are due read what they have missed. After an error they
// are due still.
func (h *Hub) look(ctx context.Context, f Feature) error {
	for {
		due, views := h.due(f, time.Now())
		if len(due) == 0 {
			return nil
		}
		n, missed, err := lookOnce(ctx, f, views)
		if err != nil {
			return err
		}
		now := time.Now() // a read that begins from now on sees all of that
		h.mu.Lock()
		for _, t := range due[:n] {
			view := t.state.Load().view
			w := missed(view, now)
			t.quiet.looked(now, w != Want{} || view.Soon())
			if now.Sub(t.used) >= usedEvery {
				t.used, w.Since = now, now
			}
			t.order(w)
		}
		h.mu.Unlock()
	}
}

func lookOnce(ctx context.Context, f Feature, views []View) (
	n int, missed func(View, time.Time) Want, err error,
) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return f.Look(ctx, views)
}

// due gives topics of a feature that are due, with what they know.
func (h *Hub) due(f Feature, now time.Time) (due []*viewed, views []View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, t := range h.topics {
		s := t.state.Load()
		if name.Feature != f || now.Before(t.quiet.at) || s.read == 0 {
			continue // what was never read is being read
		}
		due, views = append(due, t), append(views, s.view)
	}
	return due, views
}

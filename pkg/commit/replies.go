package commit

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// expect remembers a batch until its results come.
func (g *Group[T, R]) expect(b *batch[T, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expected[b.id] = b
}

// forget gives the batch with an id, which is expected no longer. Nil: it was not.
func (g *Group[T, R]) forget(id uuid.UUID) *batch[T, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.expected[id]
	delete(g.expected, id)
	return b
}

// readReplies hands results to their batches until ctx ends or the log is closed. It forgets
// batches whose results no sender waits for any more.
func (g *Group[T, R]) readReplies(ctx context.Context) {
	ticker := time.NewTicker(Deadline)
	defer ticker.Stop()
	for {
		select {
		case r, ok := <-g.log.Replies():
			if !ok {
				return
			}
			if b := g.forget(r.EntryID); b != nil {
				b.reply(g.config.Decode(r.Body))
				b.home.retire(b)
				b.tell()
			}
		case <-ticker.C:
			g.forgetOld()
		case <-ctx.Done():
			return
		}
	}
}

func (g *Group[T, R]) forgetOld() {
	now := g.config.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, b := range g.expected {
		if now.Sub(b.accepted[len(b.accepted)-1]) > Deadline {
			delete(g.expected, id)
		}
	}
}

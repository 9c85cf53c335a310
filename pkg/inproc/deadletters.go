package inproc

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Bounds of the dead letters of a stream. The oldest ones make room: their publishers were told
// that they are not in the log.
const (
	maxLetters     = 1000
	maxLetterBytes = 16 << 20
)

// graveyard is the dead letters of a stream, in the order in which they were set aside.
type graveyard struct {
	mu      sync.Mutex
	letters []letter
	bytes   int
}

// letter is a dead letter, and the entry that it is.
type letter struct {
	queue.DeadLetter
	entry queue.Entry
}

// keep sets an entry aside. One that is kept already stays as it is.
func (g *graveyard) keep(
	stream string, partition int, found entry, e queue.Entry, reason string,
) error {
	raw, err := queue.Encode(nil, e)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Round(0)
	name := fmt.Appendf(nil, "%d %d %s", partition, found.tag, e.ID)
	l := letter{entry: e, DeadLetter: queue.DeadLetter{
		ID:     uuid.NewSHA1(uuid.Nil, name).String(),
		Reason: reason, Time: now, FirstTime: found.died,
		Origin: fmt.Sprintf("%s.%d", stream, partition), Partition: partition,
		MessageID: e.ID.String(), Raw: raw,
	}}
	if l.FirstTime.IsZero() {
		l.FirstTime = now
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.ContainsFunc(g.letters, func(old letter) bool { return old.ID == l.ID }) {
		g.letters = append(g.letters, l)
		g.bytes += len(raw)
		g.bound()
	}
	return nil
}

// bound lets the oldest letters go. mu is held.
func (g *graveyard) bound() {
	n := 0
	for ; len(g.letters)-n > maxLetters || g.bytes > maxLetterBytes; n++ {
		g.bytes -= len(g.letters[n].Raw)
	}
	g.letters = slices.Delete(g.letters, 0, n)
}

func (g *graveyard) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.letters)
}

// take takes all letters out.
func (g *graveyard) take() []letter {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.letters
	g.letters, g.bytes = nil, 0
	return taken
}

// giveBack puts letters in front of those that were kept meanwhile.
func (g *graveyard) giveBack(letters []letter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.letters = append(letters, g.letters...)
	for _, l := range letters {
		g.bytes += len(l.Raw)
	}
	g.bound()
}

// CountDeadLetters is the promise of queue.DeadLetters.
func (s *stream) CountDeadLetters(ctx context.Context) (int, error) {
	return s.dead.count(), s.open(ctx)
}

// VisitDeadLetters is the promise of queue.DeadLetters. A letter that is replayed has left when it
// is in the log. The log keeps it as everything, until it is acknowledged or the process ends.
func (s *stream) VisitDeadLetters(
	ctx context.Context,
	decide func(queue.DeadLetter) queue.Fate, done func(queue.DeadLetter, error),
) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	all := s.dead.take()
	var replayed []int
	gone := make(map[int]bool)
	defer func() {
		var left []letter
		for i, l := range all {
			if !gone[i] {
				left = append(left, l)
			}
		}
		s.dead.giveBack(left)
	}()
	for i, l := range all {
		if err := s.open(ctx); err != nil {
			return err
		}
		switch decide(l.DeadLetter) {
		case queue.Drop:
			gone[i] = true
			done(l.DeadLetter, nil)
		case queue.Replay:
			replayed = append(replayed, i)
		}
	}
	slices.SortStableFunc(replayed, func(a, b int) int {
		return all[a].FirstTime.Compare(all[b].FirstTime)
	})
	for _, i := range slices.Backward(replayed) {
		if err := s.open(ctx); err != nil {
			return err
		}
		err := s.putBack(all[i])
		gone[i] = err == nil
		done(all[i].DeadLetter, err)
	}
	return nil
}

// putBack writes a letter to its partition's log. Its publisher knows already that it was set
// aside.
func (s *stream) putBack(l letter) error {
	e := l.entry
	e.Replayed = true
	back := entry{Entry: e, died: l.FirstTime, confirmed: func(error) {}}
	p, err := s.partition(l.Partition)
	if err != nil {
		return err
	}
	return p.append(back)
}

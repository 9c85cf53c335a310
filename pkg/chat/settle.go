package chat

import (
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Settle gives what to write, and what to say.
func (l *Ledger) Settle() (s Settled, o Outcome) {
	o.Results = make([][]Result, len(l.batches))
	for i := range l.batches {
		b := &l.batches[i]
		if !l.isNew[b.ID] || len(b.Items) == 0 {
			continue
		}
		o.Results[i] = make([]Result, len(b.Items))
		for j := range b.Items {
			o.Results[i][j] = l.take(b, &b.Items[j])
		}
	}
	for _, id := range l.Apps() {
		if l.grown[id] {
			l.settled.Apps = append(l.settled.Apps, *l.apps[id])
			o.Changed = append(o.Changed, changeOfApp(id))
		}
	}
	for _, c := range l.touched {
		c.Revision++
		if c.isNew {
			l.settled.Made = append(l.settled.Made, c.Chat)
		} else {
			l.settled.Chats = append(l.settled.Chats, c.Chat)
		}
		o.Changed = append(o.Changed, changeOf(&c.Chat))
	}
	l.settleMessages()
	for _, v := range l.moved {
		switch { // those of a message that goes, go with it
		case v.message.State == Deleted:
		case v.is && !v.was:
			l.settled.Upvotes = append(l.settled.Upvotes, v.Counting)
		case v.was && !v.is:
			l.settled.Unvotes = append(l.settled.Unvotes, v.Counting)
		}
	}
	l.settleReactions()
	for _, r := range l.settled.Reactions {
		o.Changed = append(o.Changed, bus.Change{Thing: r.App, Part: r.Slide})
	}
	return l.settled, o
}

// settleMessages says which messages are written. Of a new one nobody has seen another state.
func (l *Ledger) settleMessages() {
	for _, m := range l.changed {
		if m.isNew {
			l.settled.Posted = append(l.settled.Posted, m.Message)
		} else {
			m.Changed = m.chat.Revision
			l.settled.Changed = append(l.settled.Changed, m.Message)
			if m.rewritten {
				l.settled.Rewritten = append(l.settled.Rewritten, m.Message)
			}
			if m.State == Deleted {
				l.settled.Erased = append(l.settled.Erased, m.Message)
			}
		}
		for _, v := range m.versions {
			l.settled.Versions = append(l.settled.Versions, Edited{m.Chat, m.Number, v})
		}
	}
}

func (l *Ledger) settleReactions() {
	for slide, n := range l.reactions {
		l.settled.Reactions = append(l.settled.Reactions, Reacted{slide[0], slide[1], *n})
	}
	slices.SortFunc(l.settled.Reactions, func(a, b Reacted) int {
		return slices.Compare(append(slices.Clone(a.App[:]), a.Slide[:]...),
			append(slices.Clone(b.App[:]), b.Slide[:]...))
	})
}

// changeOf tells of a chat.
func changeOf(c *Chat) bus.Change {
	return bus.Change{Thing: c.App, Part: c.ID, Revision: c.Revision}
}

// changeOfApp tells that anything of an application may be another.
func changeOfApp(id uuid.UUID) bus.Change { return bus.Change{Thing: id} }

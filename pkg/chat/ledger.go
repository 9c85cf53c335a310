package chat

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Counted is an application as counting knows it. Its row is locked.
type Counted struct {
	ID        uuid.UUID
	Chats     int64
	Reactions bool
}

// Outcome is what a transaction did.
type Outcome struct {
	Results [][]Result // per batch; nil: it was decided before, or holds nothing
	Changed []bus.Change
}

// Settled is what a transaction writes.
type Settled struct {
	Apps      []Counted // that have more chats
	Made      []Chat    // chats that are new
	Chats     []Chat    // that changed: counts and revision
	Posted    []Message // messages that are new, as they stand now
	Changed   []Message
	Rewritten []Message // those of Changed that say something else
	Versions  []Edited  // earlier ones of messages
	Erased    []Message
	Upvotes   []Counting
	Unvotes   []Counting
	Reactions []Reacted
	IDs       []uuid.UUID // of keyed items without a number that had their effect
}

// Edited is a version of a message.
type Edited struct {
	Chat   uuid.UUID
	Number int64
	Version
}

// Counting is a vote of one person for one message.
type Counting struct {
	Chat   uuid.UUID
	Number int64
	Person uuid.UUID
}

// Reacted says by how much the reactions to a slide move.
type Reacted struct {
	App, Slide uuid.UUID
	Reactions
}

// Ledger decides what items do, in the log's order. A store walks through it within one
// transaction: IDs, Keyed, Apps, Chats, Targets, Upvoters, and what it has of each of these, then
// Settle. It is for one goroutine.
type Ledger struct {
	batches  []Batch
	isNew    map[uuid.UUID]bool
	known    map[uuid.UUID]bool  // keyed items without a number that had their effect
	numbered map[uuid.UUID]int64 // keyed items that made something
	apps     map[uuid.UUID]*Counted
	chats    map[Place]*chatState
	messages map[Target]*messageState
	votes    map[Upvoter]*voteState

	settled   Settled
	touched   []*chatState
	changed   []*messageState
	moved     []*voteState
	grown     map[uuid.UUID]bool // applications that have more chats
	reactions map[[2]uuid.UUID]*Reactions
}

// The things that items change, and what becomes of them.
type (
	chatState struct {
		Chat
		isNew, touched bool
	}
	messageState struct {
		Message
		chat     *chatState
		versions []Version
		// rewritten says that the message says something else.
		isNew, changed, rewritten bool
	}
	voteState struct {
		Counting
		message         *messageState
		was, is, listed bool
	}
)

// NewLedger begins with batches. Those of one partition are in the order of its log.
func NewLedger(batches []Batch) *Ledger {
	return &Ledger{
		batches: batches, known: map[uuid.UUID]bool{}, numbered: map[uuid.UUID]int64{},
		apps: map[uuid.UUID]*Counted{}, chats: map[Place]*chatState{},
		messages: map[Target]*messageState{}, votes: map[Upvoter]*voteState{},
		grown: map[uuid.UUID]bool{}, reactions: map[[2]uuid.UUID]*Reactions{},
	}
}

// IDs gives those of the batches, which are to be recorded.
func (l *Ledger) IDs() []uuid.UUID {
	ids := make([]uuid.UUID, len(l.batches))
	for i := range l.batches {
		ids[i] = l.batches[i].ID
	}
	return ids
}

// Keyed gives the ids of keyed items. A store says by Know which of them are recorded, and by
// Number which of them made a chat or a message.
func (l *Ledger) Keyed() []uuid.UUID {
	return distinct(l, compareIDs, func(i *Item) (uuid.UUID, bool) { return i.ID, i.Keyed })
}

// Apps gives the applications to lock and load, in order.
func (l *Ledger) Apps() []uuid.UUID {
	return distinct(l, compareIDs, func(i *Item) (uuid.UUID, bool) { return i.App, true })
}

// Chats gives the chats to lock and load, in order.
func (l *Ledger) Chats() []Place {
	return distinct(l, comparePlaces, func(i *Item) (Place, bool) { return i.place(), i.Chat > 0 })
}

// Targets gives the messages that are to be brought by Old, if they are there.
func (l *Ledger) Targets() []Target {
	return distinct(l, compareTargets, func(i *Item) (Target, bool) {
		return i.target(), i.Action.ofMessage()
	})
}

// Edits says which of Targets are edited. The bodies of others may be left out by Old.
func (l *Ledger) Edits() map[Target]bool {
	edits := map[Target]bool{}
	for i := range l.batches {
		for j := range l.batches[i].Items {
			if it := &l.batches[i].Items[j]; it.Action == Edit {
				edits[it.target()] = true
			}
		}
	}
	return edits
}

// Upvoters gives the votes that are to be brought by Upvoted, if they are there.
func (l *Ledger) Upvoters() []Upvoter {
	order := func(a, b Upvoter) int {
		return cmp.Or(compareTargets(a.Target, b.Target), compareIDs(a.Person, b.Person))
	}
	return distinct(l, order, func(i *Item) (Upvoter, bool) {
		return i.upvoter(), i.Action == Upvote || i.Action == Unvote
	})
}

func compareIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }

func comparePlaces(a, b Place) int {
	return cmp.Or(compareIDs(a.App, b.App), cmp.Compare(a.Number, b.Number))
}

func compareTargets(a, b Target) int {
	return cmp.Or(comparePlaces(a.Place, b.Place), cmp.Compare(a.Message, b.Message))
}

// distinct gives something of all items in order, each once.
func distinct[K comparable](
	l *Ledger, compare func(a, b K) int, of func(*Item) (K, bool),
) (all []K) {
	known := map[K]bool{}
	for i := range l.batches {
		for j := range l.batches[i].Items {
			if k, ok := of(&l.batches[i].Items[j]); ok && !known[k] {
				known[k] = true
				all = append(all, k)
			}
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// Walk is told which of IDs are new.
func (l *Ledger) Walk(isNew map[uuid.UUID]bool) { l.isNew = isNew }

// Know brings the id of a keyed item that had its effect before.
func (l *Ledger) Know(id uuid.UUID) { l.known[id] = true }

// Number brings the number that a keyed item got before.
func (l *Ledger) Number(id uuid.UUID, number int64) { l.numbered[id] = number }

// App brings an application. One that is not there is not brought.
func (l *Ledger) App(a Counted) { l.apps[a.ID] = &a }

// Chat brings a chat, before its messages. One that is not there is not brought.
func (l *Ledger) Chat(c Chat) { l.chats[Place{c.App, c.Number}] = &chatState{Chat: c} }

// Old brings a message, before its votes.
func (l *Ledger) Old(t Target, m Message) {
	l.messages[t] = &messageState{Message: m, chat: l.chats[t.Place]}
}

// Upvoted brings a vote that stands.
func (l *Ledger) Upvoted(u Upvoter) { l.vote(u).was, l.vote(u).is = true, true }

// vote gives the vote of a person, be it there or not.
func (l *Ledger) vote(u Upvoter) *voteState {
	v := l.votes[u]
	if v == nil {
		m := l.messages[u.Target]
		v = &voteState{Counting: Counting{m.chat.ID, u.Message, u.Person}, message: m}
		l.votes[u] = v
	}
	return v
}

package feed

import (
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Counted is a poll as counting knows it. Its row is locked.
type Counted struct {
	PollID   uuid.UUID
	Options  int
	Closed   bool
	ClosesAt int64 // in milliseconds since 1970; 0: never
	Tally
	Revision int64
}

// Outcome is what a transaction did.
type Outcome struct {
	Results [][]Result // per batch; nil: it was decided before, or holds nothing
	Changed []bus.Change
}

// Settled is what a transaction writes.
type Settled struct {
	Answers []Answer // that stand now
	Gone    []Key    // answers that stand no more
	Members []Member
	Polls   []Counted
	Hours   []PollHour  // their Votes are by how much they move
	IDs     []uuid.UUID // of keyed items that had their effect
}

// Ledger decides what items do, in the log's order. A store walks through it within one
// transaction: IDs, Known, Members, Polls, Keys, and what it has of each of these, then Settle. It
// is for one goroutine.
type Ledger struct {
	rules   Rules
	batches []Batch
	isNew   map[uuid.UUID]bool
	known   map[uuid.UUID]bool // keyed items that had their effect
	kept    uuid.UUID          // the first poll whose answers are kept
	members map[uuid.UUID]*Member
	polls   map[uuid.UUID]*Counted
	old     map[Key]Answer // that stand before
	now     map[Key]Answer // that stand after; a zero one stands no more

	settled Settled
	order   []Key
	acted   map[uuid.UUID]bool // members that have voted, or taken an answer back
	touched map[uuid.UUID]bool // polls
	hours   hours
}

// NewLedger begins with batches. Those of one partition are in the order of its log.
func NewLedger(rules Rules, batches []Batch) *Ledger {
	return &Ledger{
		rules: rules, batches: batches, known: map[uuid.UUID]bool{},
		members: map[uuid.UUID]*Member{}, polls: map[uuid.UUID]*Counted{},
		old: map[Key]Answer{}, now: map[Key]Answer{}, acted: map[uuid.UUID]bool{},
		touched: map[uuid.UUID]bool{}, hours: hours{},
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

// Keyed gives the ids of keyed items. A store says by Know which of them are recorded.
func (l *Ledger) Keyed() []uuid.UUID {
	return l.distinct(func(i *Item) (uuid.UUID, bool) { return i.ID, i.Keyed })
}

// Members gives the accounts to lock and load, in order.
func (l *Ledger) Members() []uuid.UUID {
	return l.distinct(func(i *Item) (uuid.UUID, bool) { return i.Account, true })
}

// Polls gives the polls to lock and load, in order.
func (l *Ledger) Polls() []uuid.UUID {
	return l.distinct(func(i *Item) (uuid.UUID, bool) { return i.PollID, true })
}

// distinct gives ids of all items in order, each once.
func (l *Ledger) distinct(of func(*Item) (uuid.UUID, bool)) (ids []uuid.UUID) {
	known := map[uuid.UUID]bool{}
	for i := range l.batches {
		for j := range l.batches[i].Items {
			if id, ok := of(&l.batches[i].Items[j]); ok && !known[id] {
				known[id] = true
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// Keys gives the answers that are to be brought by Old, if they are there.
func (l *Ledger) Keys() (keys []Key) {
	known := map[Key]bool{}
	for i := range l.batches {
		for j := range l.batches[i].Items {
			if k := l.batches[i].Items[j].key(); !known[k] {
				known[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// Walk is told which of IDs are new, and the first poll whose answers are kept.
func (l *Ledger) Walk(isNew map[uuid.UUID]bool, kept uuid.UUID) { l.isNew, l.kept = isNew, kept }

// Know brings the id of a keyed item that had its effect before.
func (l *Ledger) Know(id uuid.UUID) { l.known[id] = true }

// Member brings an account.
func (l *Ledger) Member(m Member) { l.members[m.Account] = &m }

// Poll brings a poll. One that is not there is not brought.
func (l *Ledger) Poll(c Counted) {
	c.Votes = slices.Clone(c.Votes)
	l.polls[c.PollID] = &c
}

// Old brings an answer that stands before.
func (l *Ledger) Old(a Answer) { l.old[a.Key] = a }

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
	for _, k := range l.order {
		before, was := l.old[k]
		switch after := l.now[k]; {
		case after != Answer{}:
			l.settled.Answers = append(l.settled.Answers, after)
		case was:
			l.settled.Gone = append(l.settled.Gone, before.Key)
		}
	}
	for _, id := range l.Members() {
		if l.acted[id] {
			l.settled.Members = append(l.settled.Members, *l.members[id])
		}
	}
	for _, id := range l.Polls() {
		if !l.touched[id] {
			continue
		}
		poll := l.polls[id]
		poll.Revision++
		l.settled.Polls = append(l.settled.Polls, *poll)
		o.Changed = append(o.Changed, change(id, poll.Revision))
	}
	l.settled.Hours = l.hours.moved()
	return l.settled, o
}

// take decides one item, and records its id if that is a client's and the item had its effect.
func (l *Ledger) take(b *Batch, i *Item) Result {
	if i.Keyed && l.known[i.ID] {
		return Result{Verdict: Done}
	}
	r := l.decide(b, i)
	if i.Keyed && r.Verdict == Done {
		l.known[i.ID] = true
		l.settled.IDs = append(l.settled.IDs, i.ID)
	}
	return r
}

func (l *Ledger) decide(b *Batch, i *Item) Result {
	poll := l.polls[i.PollID]
	if poll == nil {
		return Result{Verdict: PollGone}
	}
	over := poll.Closed || poll.ClosesAt != 0 && poll.ClosesAt <= i.At
	if l.before(i.PollID) || over && i.Action != Unskip {
		return Result{Verdict: PollClosed}
	}
	old, answered := l.standing(i.key())
	voted, skipped := answered && old.Option >= 0, answered && old.Option < 0
	switch i.Action {
	case Vote, Skip:
		switch {
		case voted:
			return Result{Verdict: VotedBefore}
		case skipped:
			return Result{Verdict: SkippedBefore}
		case i.Action == Vote:
			return l.vote(b, i, poll)
		}
		poll.Skips++
		l.stand(Answer{Key: i.key(), Option: SkipOption, At: i.At})
	case Unskip:
		switch {
		case voted:
			return Result{Verdict: VotedBefore}
		case skipped && !b.Replayed: // a later skip may stand
			poll.Skips--
			l.fall(b, i)
		}
	default:
		return Result{Verdict: l.undo(b, i, poll, old, answered)}
	}
	return Result{Verdict: Done}
}

// before says whether a poll's answers are not kept any more.
func (l *Ledger) before(poll uuid.UUID) bool { return slices.Compare(poll[:], l.kept[:]) < 0 }

// vote counts a vote, if the account has one left. Its days follow the log, and never go back.
func (l *Ledger) vote(b *Batch, i *Item, poll *Counted) Result {
	if i.Option >= poll.Options {
		return Result{Verdict: NoOption}
	}
	m := l.member(b, i)
	if today := dayOf(i.At); today > m.Day {
		m.Day, m.Used = today, 0
	}
	if l.rules.DailyVotes > 0 && m.Used >= l.rules.DailyVotes {
		return Result{QuotaSpent, m.Day}
	}
	m.Used++
	l.acted[i.Account] = true
	poll.Votes[i.Option]++
	l.hours.add(i.PollID, i.At, 1)
	l.stand(Answer{Key: i.key(), Option: i.Option, At: i.At})
	return Result{Verdict: Done}
}

// undo changes or withdraws a vote, for as long as the rules say. A vote that is withdrawn stays
// one of its day. What an operator put back into the log has no effect: a later vote may stand.
func (l *Ledger) undo(b *Batch, i *Item, poll *Counted, old Answer, answered bool) Verdict {
	switch {
	case !answered:
		return NoVote
	case old.Option < 0:
		return SkippedBefore
	case b.Replayed || l.rules.Undo <= 0 || i.At-old.At >= l.rules.Undo.Milliseconds():
		return TooLate
	case i.Action == Change && i.Option >= poll.Options:
		return NoOption
	case i.Action == Change && i.Option == old.Option:
		return Done
	}
	poll.Votes[old.Option]--
	if i.Action == Withdraw {
		l.hours.add(i.PollID, old.At, -1)
		l.fall(b, i)
		return Done
	}
	poll.Votes[i.Option]++
	l.stand(Answer{Key: i.key(), Option: i.Option, At: old.At})
	return Done
}

// standing gives an answer as it stands now.
func (l *Ledger) standing(k Key) (a Answer, ok bool) {
	if a, ok = l.now[k]; ok {
		return a, a != Answer{}
	}
	a, ok = l.old[k]
	return a, ok
}

func (l *Ledger) stand(a Answer) { l.put(a.Key, a) }

// fall has an answer stand no more. Its account is known to have taken one back.
func (l *Ledger) fall(b *Batch, i *Item) {
	l.put(i.key(), Answer{})
	l.member(b, i).Undone++
	l.acted[i.Account] = true
}

// member gives the account of an item.
func (l *Ledger) member(b *Batch, i *Item) *Member {
	m := l.members[i.Account]
	if m == nil {
		m = &Member{Account: i.Account, Partition: b.Partition}
		l.members[i.Account] = m
	}
	return m
}

func (l *Ledger) put(k Key, a Answer) {
	if _, ok := l.now[k]; !ok {
		l.order = append(l.order, k)
	}
	l.now[k] = a
	l.touched[k.PollID] = true
}

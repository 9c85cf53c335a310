package talk

import (
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Account is a talk as counting knows it. Its row is locked.
type Account struct {
	TalkID    uuid.UUID
	Moderated bool
	Tally
	Revision int64
	Weak     bool // as Talk.Weak
	Nameless bool // as Talk.Nameless
}

// Outcome is what a transaction did.
type Outcome struct {
	Verdicts [][]Verdict // per batch; nil: it was counted before, or holds nothing
	Changed  []bus.Change
}

// Ledger decides what ratings do. Of several of a person the last one in the log stands, and a
// tally moves by the difference. A store walks through it within one transaction: IDs, Walk, Load
// for each of Talks, Old for what it has of Keys, Settle. Before Walk, Talks and Keys are those of
// all batches, and after it of those that are new. It is for one goroutine.
type Ledger struct {
	batches  []Batch
	isNew    map[uuid.UUID]bool
	accounts map[uuid.UUID]*Account
	old      map[Key]Standing
}

// NewLedger begins with batches. Those of one partition are in the order of its log.
func NewLedger(batches []Batch) *Ledger {
	return &Ledger{
		batches: batches, accounts: map[uuid.UUID]*Account{}, old: map[Key]Standing{},
	}
}

// IDs gives what is to be recorded: the ids of the batches, and the keys of ratings.
func (l *Ledger) IDs() (ids []uuid.UUID) {
	for i := range l.batches {
		b := &l.batches[i]
		ids = append(ids, b.ID)
		for j := range b.Ratings {
			if key := b.Ratings[j].Key; key != uuid.Nil {
				ids = append(ids, key)
			}
		}
	}
	return ids
}

// Walk is told which of IDs are new.
func (l *Ledger) Walk(isNew map[uuid.UUID]bool) { l.isNew = isNew }

// Talks gives the talks to lock and load, in order.
func (l *Ledger) Talks() (ids []uuid.UUID) {
	known := map[uuid.UUID]bool{}
	for r := range l.fresh {
		if !known[r.TalkID] {
			known[r.TalkID] = true
			ids = append(ids, r.TalkID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// fresh yields the ratings of batches that are new. Before Walk all may be.
func (l *Ledger) fresh(yield func(*Rating) bool) {
	for i := range l.batches {
		if l.isNew != nil && !l.isNew[l.batches[i].ID] {
			continue
		}
		for j := range l.batches[i].Ratings {
			if !yield(&l.batches[i].Ratings[j]) {
				return
			}
		}
	}
}

// Load brings a talk. One that is not there is not brought.
func (l *Ledger) Load(a Account) { l.accounts[a.TalkID] = &a }

// Keys gives the people whose ratings, if any, are to be brought by Old.
func (l *Ledger) Keys() (keys []Key) {
	known := map[Key]bool{}
	for r := range l.fresh {
		if k := r.key(); !known[k] {
			known[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// Old brings the rating of a person that stands before.
func (l *Ledger) Old(s Standing) { l.old[s.Key] = s }

// Settle gives the ratings and talks to write, and what to say.
func (l *Ledger) Settle() (ratings []Standing, accounts []Account, o Outcome) {
	now, order := map[Key]Standing{}, []Key(nil)
	o.Verdicts = make([][]Verdict, len(l.batches))
	touched := map[uuid.UUID]bool{}
	for i := range l.batches {
		b := &l.batches[i]
		if !l.isNew[b.ID] || len(b.Ratings) == 0 {
			continue
		}
		verdicts := make([]Verdict, len(b.Ratings))
		for j := range b.Ratings {
			r := &b.Ratings[j]
			account := l.accounts[r.TalkID]
			if account == nil {
				verdicts[j] = Gone
				continue
			}
			verdicts[j] = Counted
			if !l.counts(b, r, now) {
				continue
			}
			if _, ok := now[r.key()]; !ok {
				order = append(order, r.key())
			}
			now[r.key()] = l.stand(r, now, account.Moderated)
			if account.meets(r) {
				touched[r.TalkID] = true
			}
		}
		o.Verdicts[i] = verdicts
	}
	for _, k := range order {
		before, after := l.old[k], now[k]
		if before == after {
			continue
		}
		account := l.accounts[k.TalkID]
		if before.Value != 0 {
			account.add(before.Value, -1)
		}
		account.add(after.Value, 1)
		ratings, touched[k.TalkID] = append(ratings, after), true
	}
	for _, id := range l.Talks() {
		if !touched[id] {
			continue
		}
		account := l.accounts[id]
		account.Revision++
		accounts = append(accounts, *account)
		o.Changed = append(o.Changed, Changes(id, account.Revision)...)
	}
	return ratings, accounts, o
}

// meets takes note of how a rating's person is told apart, and says whether that is news.
func (a *Account) meets(r *Rating) (news bool) {
	news = !r.Passed && !a.Weak || !r.LoggedIn && !a.Nameless
	a.Weak = a.Weak || !r.Passed
	a.Nameless = a.Nameless || !r.LoggedIn
	return news
}

// counts says whether a rating has an effect. One whose key was counted before has none. An
// operator may have put it back: what stands before it in the log may have been sent after it. Then
// it has none for a person who has a rating.
func (l *Ledger) counts(b *Batch, r *Rating, now map[Key]Standing) bool {
	if r.Key != uuid.Nil {
		if !l.isNew[r.Key] {
			return false
		}
		l.isNew[r.Key] = false // the next one is a retry
	}
	if !b.Replayed {
		return true
	}
	_, before := l.old[r.key()]
	_, already := now[r.key()]
	return !before && !already
}

// stand gives what stands after a rating. A comment that is said again stays what it is: hidden,
// and under the id that its owner knows.
func (l *Ledger) stand(r *Rating, now map[Key]Standing, moderated bool) Standing {
	before, ok := now[r.key()]
	if !ok {
		before = l.old[r.key()]
	}
	s := Standing{Key: r.key(), Value: r.Value}
	switch r.Comment {
	case "":
	case before.Comment.Text:
		s.Comment = before.Comment
	default:
		s.Comment = Comment{ID: r.ID, Text: r.Comment, Hidden: moderated}
	}
	return s
}

// Changes tells of a talk, and of the programme that it is in. A revision of 0 says that anything
// of it may be another.
func Changes(id uuid.UUID, revision int64) []bus.Change {
	part := id
	if revision == 0 {
		part = uuid.Nil
	}
	return []bus.Change{
		{Thing: id, Part: part, Revision: revision},
		{Thing: Programme, Part: id, Revision: revision},
	}
}

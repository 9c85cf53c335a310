package form

import (
	"maps"
	"slices"

	"github.com/google/uuid"
)

// Ledger decides what items do, in the log's order. A store walks through it within one
// transaction: IDs, Keyed, Forms, Responses, Persons, and what it has of each of these, then
// Settle. It is for one goroutine.
type Ledger struct {
	batches []Batch
	isNew   map[uuid.UUID]bool
	known   map[uuid.UUID]bool // keyed items that had their effect
	forms   map[uuid.UUID]*Counted
	old     map[uuid.UUID]*Response // that stand before
	now     map[uuid.UUID]*Response // that stand after; nil: it stands no more
	persons map[Key]int64           // how many responses of each stand
	wanted  map[uuid.UUID]bool      // forms of which anybody wants facts

	settled Settled
	order   []uuid.UUID         // of now
	at      map[uuid.UUID]int64 // when each of now became so
	touched map[uuid.UUID]bool
}

// NewLedger begins with batches. Those of one partition are in the order of its log.
func NewLedger(batches []Batch) *Ledger {
	return &Ledger{
		batches: batches, known: map[uuid.UUID]bool{}, forms: map[uuid.UUID]*Counted{},
		old: map[uuid.UUID]*Response{}, now: map[uuid.UUID]*Response{},
		persons: map[Key]int64{}, touched: map[uuid.UUID]bool{}, at: map[uuid.UUID]int64{},
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
	return l.distinct(func(_ *Batch, i *Item) (uuid.UUID, bool) { return i.ID, i.Keyed })
}

// Forms gives the forms to lock and load, in order.
func (l *Ledger) Forms() []uuid.UUID {
	return l.distinct(func(_ *Batch, i *Item) (uuid.UUID, bool) { return i.FormID, true })
}

// Responses gives those that may stand before, and are to be brought by Old. What is submitted
// without a key is a new one, unless an operator has put it back into the log.
func (l *Ledger) Responses() []uuid.UUID {
	return l.distinct(func(b *Batch, i *Item) (uuid.UUID, bool) {
		return i.ID, i.Keyed || i.Action != Submit || b.Replayed
	})
}

// distinct gives ids of all items in order, each once.
func (l *Ledger) distinct(of func(*Batch, *Item) (uuid.UUID, bool)) []uuid.UUID {
	found := map[uuid.UUID]bool{}
	for i := range l.batches {
		b := &l.batches[i]
		for j := range b.Items {
			if id, ok := of(b, &b.Items[j]); ok {
				found[id] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), compareIDs)
}

// Persons gives the people of whom it is to be said by Person how many responses stand, if any.
func (l *Ledger) Persons() (keys []Key) {
	found := map[Key]bool{}
	for i := range l.batches {
		for j := range l.batches[i].Items {
			item := &l.batches[i].Items[j]
			key := Key{item.FormID, item.Person}
			if item.Person != uuid.Nil && !found[key] {
				found[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Walk is told which of IDs are new.
func (l *Ledger) Walk(isNew map[uuid.UUID]bool) { l.isNew = isNew }

// Know brings the id of a keyed item that had its effect before.
func (l *Ledger) Know(id uuid.UUID) { l.known[id] = true }

// Form brings a form. One that is not there is not brought.
func (l *Ledger) Form(c Counted) { l.forms[c.FormID] = &c }

// Old brings a response that stands before.
func (l *Ledger) Old(r Response) { l.old[r.ID] = &r }

// Person brings how many responses of a person stand before.
func (l *Ledger) Person(k Key, responses int64) { l.persons[k] = responses }

// Want is told of which forms anybody wants facts.
func (l *Ledger) Want(forms map[uuid.UUID]bool) { l.wanted = forms }

// Settle gives what to write, and what to say.
func (l *Ledger) Settle() (s Settled, o Outcome) {
	o.Verdicts = make([][]Verdict, len(l.batches))
	for i := range l.batches {
		b := &l.batches[i]
		if !l.isNew[b.ID] || len(b.Items) == 0 {
			continue
		}
		o.Verdicts[i] = make([]Verdict, len(b.Items))
		for j := range b.Items {
			o.Verdicts[i][j] = l.take(&b.Items[j])
		}
	}
	counts := l.count()
	for _, id := range l.Forms() {
		if !l.touched[id] {
			continue
		}
		f := l.forms[id]
		f.Revision++
		l.settled.Forms = append(l.settled.Forms, *f)
		others, words := counts[id].moves(id)
		l.settled.Counts = append(l.settled.Counts, others...)
		l.settled.Words = append(l.settled.Words, words...)
		o.Changed = append(o.Changed, change(id, f.Revision))
	}
	return l.settled, o
}

// count says what becomes of responses, and by how much the counts of their forms move.
func (l *Ledger) count() map[uuid.UUID]Counts {
	counts, kinds := map[uuid.UUID]Counts{}, map[uuid.UUID]kindsOf{}
	add := func(r *Response, n int64) {
		id := r.FormID
		if counts[id] == nil {
			counts[id], kinds[id] = Counts{}, l.forms[id].Definition.kinds()
		}
		counts[id].add(kinds[id], r.Answers, n)
	}
	for _, id := range l.order {
		before, after := l.old[id], l.now[id]
		if before != nil {
			add(before, -1)
		}
		switch {
		case after != nil:
			add(after, 1)
			l.settled.Stand = append(l.settled.Stand, *after)
		case before != nil:
			l.settled.Gone = append(l.settled.Gone, id)
		}
		l.tell(before, after)
	}
	return counts
}

// take decides one item, and records its id if that is a client's and the item had its effect.
func (l *Ledger) take(i *Item) Verdict {
	if i.Keyed && l.known[i.ID] {
		return Done
	}
	v := l.decide(i)
	if i.Keyed && v == Done {
		l.known[i.ID] = true
		l.settled.IDs = append(l.settled.IDs, i.ID)
	}
	return v
}

func (l *Ledger) decide(i *Item) Verdict {
	f := l.forms[i.FormID]
	if f == nil {
		return FormGone
	}
	was := l.standing(i.ID)
	if i.Action == Submit {
		if was != nil { // it came before, and its id was forgotten
			return Done
		}
		return l.submit(f, i)
	}
	if was == nil || was.FormID != i.FormID {
		return ResponseGone
	}
	if i.Action == Replace {
		return l.replace(f, i, was)
	}
	f.Responses--
	l.persons[Key{i.FormID, was.Person}]--
	l.put(i, nil)
	return Done
}

func (l *Ledger) submit(f *Counted, i *Item) Verdict {
	person := Key{i.FormID, i.Person}
	switch {
	case f.over(i):
		return FormClosed
	case f.OnePerPerson && i.Person == uuid.Nil: // it may be so since the response was checked
		return Outdated
	case f.OnePerPerson && l.persons[person] > 0:
		return RespondedBefore
	case f.MaxResponses > 0 && f.Responses >= f.MaxResponses:
		return FormFull
	}
	answers, ok := f.answers(i, nil)
	if !ok {
		return Outdated
	}
	f.Responses++
	f.Numbered++
	l.persons[person]++
	l.put(i, &Response{
		ID: i.ID, FormID: i.FormID, Number: f.Numbered, Person: i.Person, At: i.At,
		Answers: answers, Flags: f.Definition.Flags(answers),
	})
	return Done
}

func (l *Ledger) replace(f *Counted, i *Item, was *Response) Verdict {
	switch {
	case f.over(i) && !i.Owner:
		return FormClosed
	case was.Edits != i.Seen:
		return ResponseChanged
	}
	answers, ok := f.answers(i, was.Answers)
	if !ok {
		return Outdated
	}
	if maps.Equal(answers, was.Answers) {
		return Done
	}
	after := *was
	after.Answers, after.Flags = answers, f.Definition.Flags(answers)
	after.Changed = i.At
	after.Edits++
	l.put(i, &after)
	return Done
}

// standing gives a response as it stands now; nil: it does not.
func (l *Ledger) standing(id uuid.UUID) *Response {
	if r, ok := l.now[id]; ok {
		return r
	}
	return l.old[id]
}

func (l *Ledger) put(i *Item, r *Response) {
	if _, ok := l.now[i.ID]; !ok {
		l.order = append(l.order, i.ID)
	}
	l.now[i.ID], l.at[i.ID] = r, i.At
	l.touched[i.FormID] = true
}

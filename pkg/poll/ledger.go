package poll

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/question"
)

// Outcome is what a committed counting transaction did.
type Outcome struct {
	// Verdicts holds a verdict per vote for each batch, in the order given; nil for one that was
	// counted before.
	Verdicts [][]Verdict
	Changed  []bus.Change
}

// AlsoChanged adds changes of polls that are not among those that have changed.
func (o *Outcome) AlsoChanged(changes []bus.Change) {
	for _, c := range changes {
		if !slices.ContainsFunc(o.Changed,
			func(other bus.Change) bool { return other.Part == c.Part }) {
			o.Changed = append(o.Changed, c)
		}
	}
}

// VoteKey names the one row that a voter has in a poll.
type VoteKey struct{ PollID, VoterID uuid.UUID }

// Ledger applies the rules of counting to batches, within one transaction of a store. The store
// locks and loads what the ledger asks for, and writes what the ledger says. The order of calls
// is: Polls; Load for every poll found; Walk; Keys; Old for every vote found; Settle. A ledger is
// used once and by one goroutine.
type Ledger struct {
	batches  []Batch
	accounts map[uuid.UUID]*account
	claims   map[VoteKey]*claim
	order    []claim // in the log's order of first appearance: what is written has a stable order
	olds     []Vote  // what the claims' old point to
	verdicts [][]Verdict
}

type account struct {
	presentationID uuid.UUID
	state          State // but for the counts
	tally          question.Tally
	touched        bool
}

// claim is the last vote of one voter in one poll within the transaction, and where its verdict
// goes.
type claim struct {
	vote    *Vote
	verdict *Verdict
	old     *Vote
	// replayed is the replayed batch that vote is of; nil: of an ordinary one. before is the claim
	// of such a vote that stands before this one in the log. Whether it counts is known only with
	// old.
	replayed *Batch
	before   *claim
}

// NewLedger makes a ledger for batches, which are in the log's order.
func NewLedger(batches []Batch) *Ledger {
	return &Ledger{batches: batches, accounts: map[uuid.UUID]*account{},
		verdicts: make([][]Verdict, len(batches))}
}

// Polls gives the polls that the batches speak of, sorted by id: lock them in this order.
func (l *Ledger) Polls() []uuid.UUID {
	var ids []uuid.UUID
	add := func(id uuid.UUID) { // votes of one poll mostly follow each other
		if len(ids) == 0 || ids[len(ids)-1] != id {
			ids = append(ids, id)
		}
	}
	for i := range l.batches {
		for j := range l.batches[i].Votes {
			add(l.batches[i].Votes[j].PollID)
		}
		if s := l.batches[i].Seal; s != nil {
			add(s.PollID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// Load brings a locked poll: its kind, its options' keys in order and its state, with a count per
// option.
func (l *Ledger) Load(presentationID, pollID uuid.UUID, kind question.Kind, options []string,
	s State) {
	a := &account{presentationID: presentationID, state: s,
		tally: question.NewTally(kind, options, s.Counts)}
	a.state.Counts = a.tally.Counts()
	l.accounts[pollID] = a
}

// Folded says by which fold the words of a poll that is loaded are counted, where it is not the
// present one. They are moved by it. The first one knows no spellings.
func (l *Ledger) Folded(pollID uuid.UUID, f question.Fold) {
	l.accounts[pollID].tally.Folded(f)
}

// Walk goes through the batches whose ids the transaction has just recorded; fresh holds them. A
// batch that is not among them was counted before and has no effect; nor has a second delivery of
// one within the transaction.
func (l *Ledger) Walk(fresh map[uuid.UUID]bool) {
	most := 0
	for i := range l.batches {
		most += len(l.batches[i].Votes)
	}
	// With room for all from the start, as claims points into order. Growing, with an allocation
	// for each claim, was nearly half of what a vote costs here (BenchmarkLedger).
	l.claims, l.order = make(map[VoteKey]*claim, most), make([]claim, 0, most)
	walked := make(map[uuid.UUID]bool, len(fresh))
	for i := range l.batches {
		b := &l.batches[i]
		if !fresh[b.ID] || walked[b.ID] {
			continue
		}
		walked[b.ID] = true
		l.verdicts[i] = make([]Verdict, len(b.Votes))
		for j := range b.Votes {
			l.walkVote(b, &b.Votes[j], &l.verdicts[i][j])
		}
		if b.Seal != nil {
			l.seal(*b.Seal)
		}
	}
}

func (l *Ledger) walkVote(b *Batch, v *Vote, verdict *Verdict) {
	a := l.accounts[v.PollID]
	switch {
	case a == nil:
		*verdict = Rejected
	case v.Version <= a.state.Sealed: // asked first: the options may be others by now
		*verdict = Late
	case !a.tally.Takes(v.Answer):
		*verdict = Rejected
	default:
		l.claim(b, v, verdict)
	}
}

// claim finds the vote's place among those of its voter.
func (l *Ledger) claim(b *Batch, v *Vote, verdict *Verdict) {
	var replayed *Batch
	if b.Replayed {
		replayed = b
	}
	key := VoteKey{v.PollID, v.VoterID}
	c := l.claims[key]
	switch {
	case c == nil:
		l.order = append(l.order, claim{vote: v, verdict: verdict, replayed: replayed})
		l.claims[key] = &l.order[len(l.order)-1]
	case c.replayed != nil && replayed == nil:
		before := *c
		*c = claim{vote: v, verdict: verdict, before: &before}
	case c.replayed == replayed &&
		v.replaces(c.vote): // within one batch its order decides, replayed or not
		*c.verdict = Superseded
		c.vote, c.verdict = v, verdict
	default:
		*verdict = Superseded
	}
}

// replaces says whether a vote that stands later in the log takes the place of old. The versions
// have no say. A poll may be taken off the slide and put back within a lease. Then the first
// answer of some voters went to a replica that knew. Their second answer, acknowledged as well,
// went to one that did not know yet.
func (v *Vote) replaces(old *Vote) bool { return v.Seq >= old.Seq }

func (l *Ledger) seal(s Seal) {
	a := l.accounts[s.PollID]
	if a == nil {
		return
	}
	if s.Version > a.state.Sealed {
		a.state.Sealed, a.touched = s.Version, true
	}
	if a.state.Status == Closing && a.state.Opened == s.Version {
		a.state.Status, a.touched = Final, true
	}
}

// Keys gives the rows whose present votes Settle must know.
func (l *Ledger) Keys() []VoteKey {
	keys := make([]VoteKey, len(l.order))
	for i := range l.order {
		keys[i] = VoteKey{l.order[i].vote.PollID, l.order[i].vote.VoterID}
	}
	return keys
}

// Old brings a present vote; its id does not matter.
func (l *Ledger) Old(v Vote) {
	if c := l.claims[VoteKey{v.PollID, v.VoterID}]; c != nil {
		if l.olds == nil {
			l.olds = make([]Vote, 0, len(l.order))
		}
		l.olds = append(l.olds, v)
		c.old = &l.olds[len(l.olds)-1]
	}
}

// PollState is a state to be written.
type PollState struct {
	PollID uuid.UUID
	State
}

// WordChange is what moves of a word in a poll of free text.
type WordChange struct {
	PollID uuid.UUID
	question.WordMove
}

// LostWords gives the polls, sorted, of which a word has lost votes, and may be there no more.
func LostWords(changes []WordChange) (polls []uuid.UUID) {
	for _, c := range changes {
		if c.By < 0 && (len(polls) == 0 || polls[len(polls)-1] != c.PollID) {
			polls = append(polls, c.PollID)
		}
	}
	return polls
}

// Settle gives what a transaction writes, and what to say once it is committed:
//   - the votes to upsert, one per row
//   - the states to write, sorted by id
//   - the changes of words, sorted by poll and word
//   - the outcome, which is to be said after the commit
func (l *Ledger) Settle() (votes []*Vote, states []PollState, words []WordChange, o Outcome) {
	votes = make([]*Vote, 0, len(l.order))
	for i := range l.order {
		c := &l.order[i]
		c.settleBefore()
		if c.old != nil && (c.replayed != nil || !c.vote.replaces(c.old)) {
			*c.verdict = Superseded
			continue
		}
		*c.verdict = Counted
		votes = append(votes, c.vote)
		l.accounts[c.vote.PollID].move(c.old, c.vote)
	}
	o.Verdicts = l.verdicts
	for id, a := range l.accounts {
		if a.touched {
			a.state.Revision++
			states = append(states, PollState{id, a.state})
			for _, moved := range a.tally.Words() {
				words = append(words, WordChange{id, moved})
			}
			o.Changed = append(o.Changed, bus.Change{
				Thing: a.presentationID, Part: id, Version: a.state.Opened,
				Revision: a.state.Revision,
			})
		}
	}
	slices.SortFunc(states, func(a,
		b PollState) int {
		return slices.Compare(a.PollID[:], b.PollID[:])
	})
	slices.SortFunc(words, func(a, b WordChange) int {
		return cmp.Or(slices.Compare(a.PollID[:], b.PollID[:]), strings.Compare(a.Word, b.Word))
	})
	return votes, states, words, o
}

// settleBefore decides between the claim's vote and a replayed one before it.
func (c *claim) settleBefore() {
	first := c.before
	switch {
	case first == nil:
	case c.old != nil || c.vote.replaces(first.vote):
		*first.verdict = Superseded
	default:
		*c.verdict = Superseded
		c.vote, c.verdict = first.vote, first.verdict
	}
}

// move shifts the tallies by the difference between a voter's old vote, if any, and the new one.
// Those who have taken theirs back are no voters.
func (a *account) move(old, v *Vote) {
	a.touched = true
	if old != nil && !old.Answer.TakenBack() {
		a.state.Voters--
		a.tally.Add(old.Answer, old.ID, -1)
	}
	if !v.Answer.TakenBack() {
		a.state.Voters++
		a.tally.Add(v.Answer, v.ID, 1)
	}
}

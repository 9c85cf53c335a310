package check

import (
	"cmp"
	"slices"
	"time"
)

// FeedHistory is all that accounts saw of the feed, and what was found at the end.
type FeedHistory struct {
	Quota int // how many votes an account has for a day
	Days  int // how many days, in UTC, the history has a part of
	Acts  []Act
	Pages []Page
	End   FeedEnd
	Later FeedEnd // when nothing should have happened for long; without polls: nobody looked
}

// Action is what an account does with a poll.
type Action byte

// The actions.
const (
	Vote Action = iota + 1
	Skip
	Unskip
	Change
	Withdraw
)

func (a Action) String() string {
	return [...]string{"?", "vote", "skip", "unskip", "change", "withdraw"}[a]
}

// Skipped and Nothing stand where the option of an answer does.
const (
	Skipped int8 = -1
	Nothing int8 = -2
)

// Act is one request of an account about a poll, from whichever of its devices.
type Act struct {
	Sent, Done    time.Duration
	Account, Poll int32
	Key           int32 // the same for a retry, which has no effect of its own; 0: none
	Action        Action
	Option        int8   // of Vote and Change
	Status        uint16 // of the answer; 0: none came
	Code          string // why it was refused
	Wrong         bool   // the poll has no such option
	RetryAfter    bool   // the answer says when to try again
}

// Page is one reading of the whole feed of an account.
type Page struct {
	Sent, Done       time.Duration
	Account          int32
	Polls            []int32
	Limit, Remaining int // votes of the day
}

// FeedEnd is what the store holds of the feed, all of it at one moment.
type FeedEnd struct {
	Rows  []FeedRow
	Polls []FeedPoll
}

// FeedRow is an answer that stands.
type FeedRow struct {
	Account, Poll int32 // -1: none of ours
	Option        int8
}

// FeedPoll is a poll with its tally.
type FeedPoll struct {
	Poll int32
	FeedTally
	Told []FeedTold // by each replica, while the store held this
}

// FeedTally counts the answers to a poll.
type FeedTally struct {
	Votes []int64 // by option
	Skips int64
}

func (t FeedTally) equal(o FeedTally) bool {
	return t.Skips == o.Skips && slices.Equal(t.Votes, o.Votes)
}

// FeedTold is what a replica says of a poll.
type FeedTold struct {
	Replica int32
	FeedTally
	Total int64
}

// Outcome reads the status by the product's contract. A refusal says that there was no effect.
func (a *Act) Outcome() Outcome {
	if a.Status == 429 {
		return Refused
	}
	return (&Cast{Status: a.Status}).Outcome()
}

// wish is what an account wanted once: an act without a key, or all those of one key.
type wish struct {
	*Act        // the first
	acts []*Act // as they were sent
	// An effect comes after Sent and before it ends. It has none if it is refused.
	acked   bool
	ends    time.Duration
	refused bool
}

// feedRegister is all that concerns one account and one poll.
type feedRegister struct {
	key
	wishes []*wish
	stands int8 // the option in the store at the end
}

// feed is a history in order.
type feed struct {
	*Report
	*FeedHistory
	registers map[key]*feedRegister
	votes     map[int32][]*wish // by account, if they have or may have an effect
}

// Feed looks for every broken promise about the feed.
func Feed(h *FeedHistory) *Report {
	r := &Report{of: "poll of the feed", Sent: len(h.Acts), Counted: len(h.End.Rows)}
	f := feed{r, h, map[key]*feedRegister{}, map[int32][]*wish{}}
	f.group()
	for i := range h.Acts {
		r.tell(h.Acts[i].Outcome())
		f.answer(&h.Acts[i])
	}
	f.standing(h.End.Rows)
	f.quota()
	for i := range h.Pages {
		f.page(&h.Pages[i])
	}
	for _, g := range f.sorted() {
		f.judge(g)
		f.linear(g)
	}
	f.tallies("at the end", &h.End)
	if len(h.Later.Polls) > 0 {
		f.tallies("long after the end", &h.Later)
		f.later()
	}
	return r
}

// group puts the acts into registers.
func (f *feed) group() {
	type attempt struct {
		key
		number int32
	}
	keyed, sorted := map[attempt]*wish{}, make([]*Act, len(f.Acts))
	for i := range f.Acts {
		sorted[i] = &f.Acts[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Act) int { return cmp.Compare(a.Sent, b.Sent) })
	for _, a := range sorted {
		k := key{a.Poll, a.Account}
		if a.Key != 0 {
			if w := keyed[attempt{k, a.Key}]; w != nil {
				w.acts = append(w.acts, a)
				continue
			}
		}
		w := &wish{Act: a, acts: []*Act{a}}
		keyed[attempt{k, a.Key}] = w
		g := f.at(k)
		g.wishes = append(g.wishes, w)
	}
	for _, g := range f.registers {
		for _, w := range g.wishes {
			w.settle()
			if w.Action == Vote && !w.refused {
				f.votes[w.Account] = append(f.votes[w.Account], w)
			}
		}
	}
}

func (f *feed) at(k key) *feedRegister {
	if f.registers[k] == nil {
		f.registers[k] = &feedRegister{key: k, stands: Nothing}
	}
	return f.registers[k]
}

func (f *feed) sorted() []*feedRegister {
	all := make([]*feedRegister, 0, len(f.registers))
	for _, g := range f.registers {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *feedRegister) int { return a.compare(b.key) })
	return all
}

// settle says what is known of a wish. One that was answered 202 may have its effect any time.
func (w *wish) settle() {
	w.ends, w.refused = Never, true
	for _, a := range w.acts {
		if a.Status == 204 {
			w.acked, w.ends = true, min(w.ends, a.Done)
		}
		w.refused = w.refused && (a.Wrong || a.Outcome() == Refused)
	}
}

// standing takes down what the store holds. Nobody has two answers to a poll.
func (f *feed) standing(rows []FeedRow) {
	for _, row := range rows {
		if row.Account < 0 || row.Poll < 0 {
			f.add(Ghost, row.Poll, row.Account, "%+v is an answer of nobody, or to nothing", row)
			continue
		}
		g := f.at(key{row.Poll, row.Account})
		if g.stands != Nothing {
			f.add(Double, row.Poll, row.Account, "has a second row, %+v", row)
			continue
		}
		g.stands = row.Option
	}
}

// tallies judges what the store holds at a moment, and what replicas said of it.
func (f *feed) tallies(when string, e *FeedEnd) {
	counts := map[int32]*FeedTally{}
	for _, p := range e.Polls {
		counts[p.Poll] = &FeedTally{Votes: make([]int64, len(p.Votes))}
	}
	for _, row := range e.Rows {
		switch t := counts[row.Poll]; {
		case t == nil || row.Option < Skipped || int(row.Option) >= len(t.Votes):
			f.add(Ghost, row.Poll, row.Account, "%s: %+v is an answer to nothing", when, row)
		case row.Option == Skipped:
			t.Skips++
		default:
			t.Votes[row.Option]++
		}
	}
	for _, p := range e.Polls {
		if c := counts[p.Poll]; !p.equal(*c) {
			f.add(Tally, p.Poll, -1, "%s the store's tally is %v, a recount gives %v", when,
				p.FeedTally, *c)
		}
		for _, t := range p.Told {
			if !t.equal(p.FeedTally) || t.Total != sum(p.Votes) {
				f.add(Tally, p.Poll, -1, "%s replica %d says %d of %v, the store %v", when,
					t.Replica, t.Total, t.FeedTally, p.FeedTally)
			}
		}
	}
}

// later: a row changes after the end only by an act whose outcome nobody knew.
func (f *feed) later() {
	after := map[key]int8{}
	for _, row := range f.Later.Rows {
		k := key{row.Poll, row.Account}
		if _, twice := after[k]; twice {
			f.add(Double, row.Poll, row.Account, "has a second row long after the end")
		}
		after[k] = row.Option
		f.at(k)
	}
	for _, g := range f.sorted() {
		stands, ok := after[g.key]
		if !ok {
			stands = Nothing
		}
		open := func(w *wish) bool { return !w.acked && !w.refused && w.unknown() }
		if stands != g.stands && !slices.ContainsFunc(g.wishes, open) {
			f.add(Changed, g.poll, g.voter, "long after the end there stands %d: %v", stands, g)
		}
	}
}

// unknown says whether nothing of a wish is known to be durable, and something may be.
func (w *wish) unknown() bool {
	return slices.ContainsFunc(w.acts, func(a *Act) bool { return a.Outcome() == Unknown })
}

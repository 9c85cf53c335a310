package check

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind says which promise is broken.
type Kind string

// The kinds of violations.
const (
	Lost   Kind = "lost"   // an acknowledged vote does not stand, nor a later one
	Double Kind = "double" // a voter is there twice
	// it was sent more than a lease after its poll left the slide, and counts
	Late     Kind = "late"
	Changed  Kind = "changed"  // final results or a final list became others
	Ghost    Kind = "ghost"    // it stands, and nobody sent it
	Revived  Kind = "revived"  // it stands, and its voter was told that it does not
	Tally    Kind = "tally"    // a tally or a total is no recount
	Backward Kind = "backward" // a replica's results went back
	Stale    Kind = "stale"    // a reading lacks what was counted before it was asked for
	Order    Kind = "order"    // the register of a voter and poll is not linearizable
	Odd      Kind = "odd"      // an answer that the contract does not have, or not then
	Quota    Kind = "quota"    // more votes of an account than a day has
	Shown    Kind = "shown"    // a poll in the feed of an account that has answered it
)

// Violation is a broken promise.
type Violation struct {
	Kind  Kind
	Of    string // "poll", "talk" or "poll of the feed"
	Poll  int32  // its number
	Voter int32  // -1: of no voter in particular
	Text  string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s %d, voter %d: %s", v.Kind, v.Of, v.Poll, v.Voter, v.Text)
}

// Report is what the checker found about polls, about talks, or about the feed.
type Report struct {
	of string

	Sent, Acknowledged, Refused, Unknown int
	Counted                              int // rows
	// Overtaken rows hold a vote whose voter was never told that it counts, though another of its
	// votes was acknowledged. Either it was sent later and its answer was lost. Or it was sent
	// before and was still on its way when the other was counted. Behind are those of the second
	// kind. Only a voter's own seq rules them out.
	Overtaken, Behind int
	Registers         int // voters and polls whose history was checked for linearizability
	// of these, with two acknowledged votes or more: in the others there is nothing to order
	Rewritten  int
	Biggest    int // the most acknowledged votes of a checked register
	Undecided  int // registers that porcupine gave up on, which says nothing of them
	Violations []Violation
}

// Of counts the violations of some kinds.
func (r *Report) Of(kinds ...Kind) (n int) {
	for _, v := range r.Violations {
		if slices.Contains(kinds, v.Kind) {
			n++
		}
	}
	return n
}

func (r *Report) add(kind Kind, poll, voter int32, format string, args ...any) {
	r.Violations = append(r.Violations,
		Violation{kind, r.of, poll, voter, fmt.Sprintf(format, args...)})
}

// tell counts an outcome.
func (r *Report) tell(o Outcome) {
	switch o {
	case Acknowledged:
		r.Acknowledged++
	case Refused:
		r.Refused++
	default:
		r.Unknown++
	}
}

// Check looks for every broken promise about votes.
func Check(h *History) *Report {
	r := &Report{of: "poll", Sent: len(h.Casts), Counted: len(h.Rows)}
	for i := range h.Casts {
		r.tell(h.Casts[i].Outcome())
	}
	r.votes(h)
	r.answers(h)
	r.views(h)
	r.ends(h)
	r.later(h)
	return r
}

// key names the register of a voter in a poll.
type key struct{ poll, voter int32 }

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.poll, o.poll), cmp.Compare(k.voter, o.voter))
}

// register is all that concerns one voter in one poll.
type register struct {
	key
	casts []*Cast // as they were sent
	row   *Row    // nil: there is none
}

// registers groups a history. A second row of a voter is reported and left out.
func (r *Report) registers(h *History) []*register {
	all := map[key]*register{}
	of := func(k key) *register {
		if all[k] == nil {
			all[k] = &register{key: k}
		}
		return all[k]
	}
	for i := range h.Casts {
		c := &h.Casts[i]
		g := of(key{c.Poll, c.Voter})
		g.casts = append(g.casts, c)
	}
	for i := range h.Rows {
		row := &h.Rows[i]
		g := of(key{row.Poll, row.Voter})
		if g.row != nil {
			r.add(Double, row.Poll, row.Voter, "has a second row, %+v beside %+v", *row, *g.row)
			continue
		}
		g.row = row
	}
	sorted := make([]*register, 0, len(all))
	for _, g := range all {
		slices.SortFunc(g.casts, func(a, b *Cast) int { return cmp.Compare(a.Sent, b.Sent) })
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *register) int { return a.compare(b.key) })
	return sorted
}

func (g *register) String() string {
	text := "sent"
	for _, c := range g.casts {
		text += fmt.Sprintf(" [%.3f-%.3f answer %b seq %d: %d %v]", c.Sent.Seconds(),
			c.Done.Seconds(), c.Answer, c.Seq, c.Status, c.ID)
	}
	if g.row == nil {
		return text + "; no row"
	}
	return text + fmt.Sprintf("; row: answer %b seq %d %v", g.row.Answer, g.row.Seq, g.row.ID)
}

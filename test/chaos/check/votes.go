package check

import (
	"fmt"
	"slices"
	"time"
)

// votes judges every voter in every poll.
func (r *Report) votes(h *History) {
	open := windows(h.Moves)
	for _, g := range r.registers(h) {
		all := g.explanations()
		if g.row != nil && len(all) == 0 {
			r.unexplained(g)
		} else {
			r.standing(g, all)
		}
		r.late(g, open[g.poll])
		r.linearizable(g, all)
	}
}

// overtakes is how long after its answer a vote that may count can still be on its way. That is
// longer than any network or process of the faults holds something back.
const overtakes = 30 * time.Second

// explanations gives the votes that the row may be. It gives the one that was acknowledged under
// its id. Else it gives those that may count and whose voter was told no id.
func (g *register) explanations() (all []*Cast) {
	if g.row == nil {
		return nil
	}
	for _, c := range g.casts {
		same := c.Answer == g.row.Answer && int64(c.Seq) == g.row.Seq
		switch {
		case c.Outcome() == Acknowledged && c.ID == g.row.ID:
			if same {
				return []*Cast{c}
			}
			return nil
		case c.Outcome() == Unknown && same:
			all = append(all, c)
		}
	}
	return all
}

// standing: the row is an acknowledged vote, or one that may count, and every other acknowledged
// vote may have been before it. All are the votes that the row may be.
func (r *Report) standing(g *register, all []*Cast) {
	if g.row == nil {
		for _, c := range g.casts {
			if c.Outcome() == Acknowledged {
				r.add(Lost, g.poll, g.voter, "%v", g)
				return
			}
		}
		return
	}
	stands, behind, told := false, true, false
	for _, c := range all {
		if over, late := g.standsOver(c); over {
			stands, behind = true, behind && late
			told = told || c.Outcome() == Acknowledged
		}
	}
	switch acknowledged := g.acknowledged(); {
	case !stands:
		r.add(Lost, g.poll, g.voter, "%v", g)
	case acknowledged > 0 && !told:
		r.Overtaken++
		if behind {
			r.Behind++
		}
	}
}

// unexplained says what is wrong with a row that is no vote that counts or may count.
func (r *Report) unexplained(g *register) {
	for _, c := range g.casts {
		if c.Answer == g.row.Answer && int64(c.Seq) == g.row.Seq && c.Outcome() == Refused {
			r.add(Revived, g.poll, g.voter, "%v", g)
			return
		}
	}
	r.add(Ghost, g.poll, g.voter, "%v", g)
}

func (g *register) acknowledged() (n int) {
	for _, c := range g.casts {
		if c.Outcome() == Acknowledged {
			n++
		}
	}
	return n
}

// standsOver says whether every acknowledged vote may be before c, by seq or else in the log. It
// says whether c was sent and answered before one of them was sent.
func (g *register) standsOver(c *Cast) (over, behind bool) {
	for _, d := range g.casts {
		if d == c || d.Outcome() != Acknowledged || c.Seq > d.Seq {
			continue
		}
		before := c.Done < d.Sent
		switch {
		case c.Seq < d.Seq:
			return false, false
		case before && c.Outcome() == Acknowledged, c.Done+overtakes < d.Sent:
			return false, false
		}
		behind = behind || before
	}
	return true, behind
}

// window is a time in which a vote for a poll may be sent and count. It lasts from the first
// request that may have displayed the poll until a lease after the presenter was told that it
// left. Between shown and left the poll is sure to be on the slide.
type window struct{ from, shown, left, to time.Duration }

// windows gives the windows of every poll.
func windows(moves []Move) map[int32][]window {
	open := map[int32][]window{}
	displayed := map[int32]int32{} // by room
	for _, m := range moves {
		if before, ok := displayed[m.Room]; ok && before >= 0 && before != m.Poll {
			all := open[before]
			last := &all[len(all)-1]
			last.left, last.to = m.Sent, m.Done+Lease
		}
		if before, ok := displayed[m.Room]; m.Poll >= 0 && (!ok || before != m.Poll) {
			open[m.Poll] = append(open[m.Poll], window{m.Sent, m.Done, Never, Never})
		}
		displayed[m.Room] = m.Poll
	}
	return open
}

// inside says whether a vote may have been accepted in a window. One that was sent after the lease
// arrives too late. One that was sent before the window may wait until it opens, but not longer
// than for its answer, if that is a replica's.
func (c *Cast) inside(w window) bool {
	busy := c.Status == 0 || c.Edge // somebody may still be
	return c.Sent <= w.to && (c.Done >= w.from || busy)
}

func (c *Cast) insideOne(open []window) bool {
	return slices.ContainsFunc(open, c.inside)
}

// late: what was sent outside every window is neither acknowledged nor standing.
func (r *Report) late(g *register, open []window) {
	for _, c := range g.casts {
		if c.Outcome() == Acknowledged && !c.insideOne(open) {
			r.add(Late, g.poll, g.voter, "%s acknowledged, sent outside of %s: %v", c.Sent,
				describe(open), g)
			return
		}
	}
	if g.row == nil {
		return
	}
	all := g.explanations() // none: that was said already
	if len(all) > 0 && !slices.ContainsFunc(all, func(c *Cast) bool { return c.insideOne(open) }) {
		r.add(Late, g.poll, g.voter, "stands, and was sent outside of %s: %v", describe(open), g)
	}
}

func describe(open []window) string {
	text := "["
	for i, w := range open {
		if i > 0 {
			text += " "
		}
		if w.to == Never {
			text += fmt.Sprintf("%.3f-", w.from.Seconds())
		} else {
			text += fmt.Sprintf("%.3f-%.3f", w.from.Seconds(), w.to.Seconds())
		}
	}
	return text + "]"
}

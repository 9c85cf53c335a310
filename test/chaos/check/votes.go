package check

import (
	"fmt"
	"time"
)

// votes judges every voter in every poll.
func (r *Report) votes(h *History) {
	open := windows(h.Moves)
	for _, g := range r.registers(h) {
		r.standing(g)
		r.late(g, open[g.poll])
		r.linearizable(g)
	}
}

// standing: the row is the last acknowledged vote, or one that may have been counted after it.
func (r *Report) standing(g *register) {
	var last *Cast // acknowledged
	var highest int32
	for _, c := range g.casts {
		if c.Outcome() == Acknowledged {
			last, highest = c, max(highest, c.Seq)
		}
	}
	if g.row == nil {
		if last != nil {
			r.add(Lost, g.poll, g.voter, "%v", g)
		}
		return
	}
	var sent, told bool // with the row's answer: at all; and not refused
	var after bool      // and not before the last acknowledged
	for _, c := range g.casts {
		if c.Answer != g.row.Answer || int64(c.Seq) != g.row.Seq {
			continue
		}
		sent = true
		if c.Outcome() != Refused {
			told = true
			after = after || last == nil || c.Sent >= last.Sent
		}
	}
	switch {
	case !sent:
		r.add(Ghost, g.poll, g.voter, "%v", g)
	case !told:
		r.add(Revived, g.poll, g.voter, "%v", g)
	case g.row.Seq < int64(highest):
		r.add(Lost, g.poll, g.voter, "seq %d was acknowledged: %v", highest, g)
	case !after && !r.overtaken(g, last):
		r.add(Lost, g.poll, g.voter, "%v", g)
	}
}

// overtaken says whether the row may be a vote that was still on its way when the last one was acknowledged: its voter
// got no answer that it counts, so it was free to be counted later.
func (r *Report) overtaken(g *register, last *Cast) bool {
	if last.Seq > 0 { // the voter's own order stands above the log's
		return false
	}
	for _, c := range g.casts {
		if c.Answer == g.row.Answer && c.Outcome() == Unknown {
			r.Overtaken++
			return true
		}
	}
	return false
}

// window is a time in which a vote for a poll may be sent and count.
type window struct{ from, to time.Duration }

// windows gives the windows of every poll: from the first request that may have displayed it until a lease after the
// presenter was told that it left.
func windows(moves []Move) map[int32][]window {
	open := map[int32][]window{}
	displayed := map[int32]int32{} // by room
	for _, m := range moves {
		if before, ok := displayed[m.Room]; ok && before >= 0 && before != m.Poll {
			all := open[before]
			all[len(all)-1].to = m.Done + Lease
		}
		if before, ok := displayed[m.Room]; m.Poll >= 0 && (!ok || before != m.Poll) {
			open[m.Poll] = append(open[m.Poll], window{m.Sent, Never})
		}
		displayed[m.Room] = m.Poll
	}
	return open
}

// late: what was sent outside every window is neither acknowledged nor standing.
func (r *Report) late(g *register, open []window) {
	inside := func(c *Cast) bool {
		for _, w := range open {
			// On its way a vote may wait: one that was sent before its poll was displayed may arrive after. One that was
			// sent after the lease cannot arrive before its end.
			if c.Sent <= w.to && (c.Done >= w.from || c.Outcome() == Unknown) {
				return true
			}
		}
		return false
	}
	stands := g.row == nil // or no vote inside a window explains the row
	for _, c := range g.casts {
		if inside(c) {
			stands = stands || g.row != nil && c.Answer == g.row.Answer && int64(c.Seq) == g.row.Seq && c.Outcome() != Refused
			continue
		}
		if c.Outcome() == Acknowledged {
			r.add(Late, g.poll, g.voter, "%s acknowledged, sent outside of %s: %v", c.Sent, describe(open), g)
			return
		}
	}
	if !stands && len(g.casts) > 0 && r.sentBy(g) {
		r.add(Late, g.poll, g.voter, "stands, and was sent outside of %s: %v", describe(open), g)
	}
}

// sentBy says whether the row was sent at all: what was not is a ghost and was reported as one.
func (r *Report) sentBy(g *register) bool {
	for _, c := range g.casts {
		if c.Answer == g.row.Answer && int64(c.Seq) == g.row.Seq && c.Outcome() != Refused {
			return true
		}
	}
	return false
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

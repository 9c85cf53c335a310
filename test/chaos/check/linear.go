package check

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// judgement bounds how long porcupine may think about a register: its search is exponential in what
// overlaps.
var judgement = 10 * time.Second

// stand is the state of a register: the vote that stands.
type stand struct {
	cast int // its index; -1: none
	seq  int32
}

// step is an operation on it: a vote, or the reading at the end.
type step struct {
	read bool
	vote stand
}

var model = porcupine.Model{
	Init: func() any { return stand{cast: -1} },
	Step: func(state, input, _ any) (bool, any) {
		now, in := state.(stand), input.(step)
		switch {
		case in.read:
			return in.vote == now, now
		case in.vote.seq >= now.seq:
			return true, in.vote
		}
		return true, now
	},
}

// linearizable asks another judge, which does not know the rules above. Is there an order of the
// votes, none of them before it was sent or after it was acknowledged, that leaves what stands?
// All are the votes that this may be.
func (r *Report) linearizable(g *register, all []*Cast) {
	acknowledged, verdict := g.acknowledged(), porcupine.Illegal
	if g.row == nil {
		verdict = g.leaves(nil)
	} else {
		if len(all) == 0 {
			return // no register holds what was never written, and that was said already
		}
		for _, c := range all {
			if verdict = g.leaves(c); verdict != porcupine.Illegal {
				break
			}
		}
	}
	switch verdict {
	case porcupine.Unknown:
		r.Undecided++
		return
	case porcupine.Illegal:
		r.add(Order, g.poll, g.voter, "%v", g)
	}
	r.Registers++
	if acknowledged > 1 {
		r.Rewritten++
	}
	r.Biggest = max(r.Biggest, acknowledged)
}

// leaves says whether the acknowledged votes and c, which may be one without an answer, may leave c
// as the one that stands; nil: none. Every other vote without an answer may be thought never to
// have come.
func (g *register) leaves(c *Cast) porcupine.CheckResult {
	var ops []porcupine.Operation
	var end int64
	stands := stand{cast: -1}
	for i, d := range g.casts {
		end = max(end, int64(d.Done), int64(d.Sent))
		vote := stand{i, d.Seq}
		op := porcupine.Operation{ClientId: i, Input: step{vote: vote}, Call: int64(d.Sent),
			Return: math.MaxInt64}
		if d.Outcome() == Acknowledged {
			op.Return = int64(d.Done)
		} else if d != c {
			continue
		}
		if d == c {
			stands = vote
		}
		ops = append(ops, op)
	}
	read := step{read: true, vote: stands}
	ops = append(ops, porcupine.Operation{ClientId: len(g.casts), Input: read, Call: end + 1,
		Return: end + 2})
	return porcupine.CheckOperationsTimeout(model, ops, judgement)
}

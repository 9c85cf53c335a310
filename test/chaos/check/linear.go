package check

import (
	"math"

	"github.com/anishathalye/porcupine"
)

// longestRegister bounds what porcupine is asked: its search is exponential in what overlaps, and every vote without an
// answer overlaps all that follows.
const longestRegister = 24

// stand is the state of a register: the vote that stands.
type stand struct {
	answer Answer
	seq    int64
}

// step is an operation on it: a vote, or the reading at the end.
type step struct {
	read bool
	vote stand
}

var model = porcupine.Model{
	Init: func() any { return stand{} },
	Step: func(state, input, output any) (bool, any) {
		now, in := state.(stand), input.(step)
		switch {
		case in.read:
			return output.(stand) == now, now
		case in.vote.seq >= now.seq:
			return true, in.vote
		}
		return true, now
	},
}

// linearizable asks another judge, which does not know the rules above: is there an order of the votes, none of them
// before it was sent or after it was acknowledged, that leaves what stands? A vote without an answer may come at any
// time or never; one that was refused never comes.
func (r *Report) linearizable(g *register) {
	if len(g.casts) > longestRegister {
		return
	}
	var ops []porcupine.Operation
	var end int64
	for i, c := range g.casts {
		end = max(end, int64(c.Done), int64(c.Sent))
		if c.Outcome() == Refused {
			continue
		}
		op := porcupine.Operation{ClientId: i, Input: step{vote: stand{c.Answer, int64(c.Seq)}}, Call: int64(c.Sent), Return: math.MaxInt64}
		if c.Outcome() == Acknowledged {
			op.Return = int64(c.Done)
		}
		ops = append(ops, op)
	}
	var found stand
	if g.row != nil {
		found = stand{g.row.Answer, g.row.Seq}
	}
	ops = append(ops, porcupine.Operation{ClientId: len(g.casts), Input: step{read: true}, Output: found, Call: end + 1, Return: end + 2})
	r.Registers++
	if !porcupine.CheckOperations(model, ops) {
		r.add(Order, g.poll, g.voter, "%v", g)
	}
}

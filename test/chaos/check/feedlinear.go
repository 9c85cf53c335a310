package check

import (
	"math"

	"github.com/anishathalye/porcupine"
)

// answerState is the state of an account and a poll: the option that stands, and the keys that had
// their effect.
type answerState struct {
	option int8
	keys   uint64
}

// turn is an operation on it: an act with what was said of it, or the reading at the end.
type turn struct {
	action Action // 0: it is the reading
	option int8
	key    uint64 // its bit; 0: none
	told   string // empty: nothing
}

const done = "done"

var feedModel = porcupine.Model{
	Init: func() any { return answerState{option: Nothing} },
	Step: func(state, input, _ any) (bool, any) {
		now, in := state.(answerState), input.(turn)
		if in.action == 0 {
			return now.option == in.option, now
		}
		next, verdict := now, done
		if in.key&now.keys == 0 {
			next, verdict = now.take(in)
		}
		// A vote may also find that the day's are given.
		if in.told == "quota_spent" && in.action == Vote && now.option == Nothing &&
			in.key&now.keys == 0 {
			return true, now
		}
		return in.told == "" || in.told == verdict, next
	},
}

// take gives what an act makes of the state, and what is said of it.
func (s answerState) take(in turn) (next answerState, verdict string) {
	next, voted, skipped := s, s.option >= 0, s.option == Skipped
	switch {
	case in.action == Unskip && voted, (in.action == Vote || in.action == Skip) && voted:
		return s, "already_voted"
	case in.action != Unskip && skipped:
		return s, "already_skipped"
	case (in.action == Change || in.action == Withdraw) && !voted:
		return s, "not_voted"
	case in.action == Vote, in.action == Change:
		next.option = in.option
	case in.action == Skip:
		next.option = Skipped
	default:
		next.option = Nothing
	}
	next.keys |= in.key
	return next, done
}

// linear asks another judge, which does not know the other rules. Is there an order of an account's
// acts on a poll that explains all that was told, and leaves what stands? None of them comes before
// it was sent, or after it was told.
func (f *feed) linear(g *feedRegister) {
	var ops []porcupine.Operation
	var end int64
	acknowledged, bit := 0, uint64(0)
	spent := f.begun(g.voter, Never) >= f.Quota
	for _, w := range g.wishes {
		mine := uint64(0)
		if w.Key != 0 {
			mine, bit = 1<<bit, bit+1
		}
		if bit > 64 {
			f.Undecided++
			return
		}
		for _, a := range w.acts {
			end = max(end, int64(a.Done), int64(a.Sent))
			told, returns := a.told(), int64(a.Done)
			switch {
			case a.Wrong || a.Status == 400: // no item was made of it
				continue
			case told == "" && a.Status == 202 && (a.Action != Vote || !spent):
				returns = -1 // it is decided before the end
			case told == "":
				returns = math.MaxInt64 // or never
			}
			if a.Outcome() == Acknowledged {
				acknowledged++
			}
			ops = append(ops, porcupine.Operation{
				ClientId: len(ops), Input: turn{a.Action, a.Option, mine, told},
				Call: int64(a.Sent), Return: returns,
			})
		}
	}
	for i := range ops {
		if ops[i].Return < 0 {
			ops[i].Return = end
		}
	}
	ops = append(ops, porcupine.Operation{
		ClientId: len(ops), Input: turn{option: g.stands}, Call: end + 1, Return: end + 2,
	})
	switch porcupine.CheckOperationsTimeout(feedModel, ops, judgement) {
	case porcupine.Unknown:
		f.Undecided++
		return
	case porcupine.Illegal:
		f.add(Order, g.poll, g.voter, "%v", g)
	}
	f.Registers++
	if acknowledged > 1 {
		f.Rewritten++
	}
	f.Biggest = max(f.Biggest, acknowledged)
}

// told gives what was said of an act; empty: nothing.
func (a *Act) told() string {
	switch a.Status {
	case 204:
		return done
	case 409, 429:
		return a.Code
	}
	return ""
}

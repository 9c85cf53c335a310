package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHistoryThatKeepsEveryPromiseIsNotBlamed(t *testing.T) {
	for seed := range uint64(200) {
		r := Check(good(seed))
		require.Empty(t, r.Violations, "seed %d", seed)
		require.Equal(t, r.Sent, r.Acknowledged+r.Refused+r.Unknown)
		require.Positive(t, r.Registers)
	}
}

// acknowledged finds a register whose row is its last acknowledged vote, with nothing that could excuse another.
func acknowledged(t *testing.T, h *History) (row *Row, casts []*Cast) {
	t.Helper()
	for i := range h.Rows {
		row := &h.Rows[i]
		var casts []*Cast
		clean := true
		for j := range h.Casts {
			c := &h.Casts[j]
			if c.Poll == row.Poll && c.Voter == row.Voter {
				casts = append(casts, c)
				clean = clean && c.Outcome() == Acknowledged
			}
		}
		if clean && len(casts) > 1 && casts[0].Answer != row.Answer && casts[len(casts)-1].Answer == row.Answer {
			return row, casts
		}
	}
	t.Fatal("no such register")
	return nil, nil
}

// remake makes tallies, totals and lists fit the rows again, so that only the planted fault is there to be found.
func remake(h *History) {
	for i := range h.Ends {
		e := &h.Ends[i]
		var rows []Row
		for _, row := range h.Rows {
			if row.Poll == e.Poll {
				rows = append(rows, row)
			}
		}
		e.Counts, e.Voters = recount(rows, options), int64(len(rows))
		for j := range e.Told {
			e.Told[j] = Told{e.Told[j].Replica, e.Counts, e.Voters, rows}
		}
	}
}

// finalView finds a reading of final results that was made more than once.
func finalView(t *testing.T, h *History) *View {
	t.Helper()
	for i := len(h.Views) - 1; i >= 0; i-- {
		if h.Views[i].Final && h.Views[i].List != 0 {
			return &h.Views[i]
		}
	}
	t.Fatal("nothing is final")
	return nil
}

func TestEveryPlantedFaultIsFound(t *testing.T) {
	for name, planted := range map[string]struct {
		kind  Kind
		plant func(t *testing.T, h *History)
	}{
		"an acknowledged vote is gone": {Lost, func(t *testing.T, h *History) {
			row, _ := acknowledged(t, h)
			*row = h.Rows[len(h.Rows)-1]
			h.Rows = h.Rows[:len(h.Rows)-1]
			remake(h)
		}},
		"an earlier answer came back": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			row.Answer, row.Seq = casts[0].Answer, int64(casts[0].Seq)
			remake(h)
		}},
		"an earlier answer came back, which was sent in vain before too": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			casts[0].Status = 409
			row.Answer, row.Seq = casts[0].Answer, int64(casts[0].Seq)
			h.Casts = append(h.Casts, *casts[0])
			h.Casts[len(h.Casts)-1].Status = 204
			remake(h)
		}},
		"a lower seq stands": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			for i, c := range casts {
				c.Seq = int32(i + 1)
			}
			casts[0].Status = 503 // it may count, but not over a higher one
			row.Answer, row.Seq = casts[0].Answer, 1
			remake(h)
		}},
		"a voter has two rows": {Double, func(t *testing.T, h *History) {
			row, _ := acknowledged(t, h)
			h.Rows = append(h.Rows, *row)
			remake(h)
		}},
		"a voter is in a list twice": {Double, func(_ *testing.T, h *History) {
			told := &h.Ends[0].Told[1]
			told.List = append(told.List, told.List[0])
		}},
		"a vote of nobody stands": {Ghost, func(_ *testing.T, h *History) {
			h.Rows = append(h.Rows, Row{Poll: 1, Voter: -1, Answer: 1})
			remake(h)
		}},
		"an answer that was never sent stands": {Ghost, func(t *testing.T, h *History) {
			row, _ := acknowledged(t, h)
			row.Answer = 1 << (options - 1) << 1
			remake(h)
		}},
		"a row of a poll that is not there": {Ghost, func(_ *testing.T, h *History) {
			h.Rows = append(h.Rows, Row{Poll: polls + 1, Voter: 1, Answer: 1})
		}},
		"a refused vote stands": {Revived, func(t *testing.T, h *History) {
			_, casts := acknowledged(t, h)
			for _, c := range casts {
				c.Status = 409
			}
		}},
		"an invalid vote stands": {Revived, func(t *testing.T, h *History) {
			_, casts := acknowledged(t, h)
			for _, c := range casts {
				c.Status = 400
			}
		}},
		"a vote is acknowledged two leases after its poll left": {Late, func(_ *testing.T, h *History) {
			for i := range h.Casts {
				if h.Casts[i].Status == 409 {
					h.Casts[i].Status = 202
					return
				}
			}
		}},
		"a vote without an answer counts two leases after its poll left": {Late, func(t *testing.T, h *History) {
			row, _ := acknowledged(t, h)
			left := lastWindow(h, row.Poll)
			*row = Row{Poll: row.Poll, Voter: voters + 1, Answer: 1}
			h.Casts = append(h.Casts, Cast{Sent: left + time.Millisecond, Done: left + time.Second, Voter: voters + 1, Poll: row.Poll, Answer: 1})
			remake(h)
		}},
		"a vote counts before its poll was displayed": {Late, func(_ *testing.T, h *History) {
			h.Casts = append(h.Casts, Cast{Sent: 0, Done: 1, Voter: voters + 1, Poll: 3, Answer: 1, Status: 204})
			h.Rows = append(h.Rows, Row{Poll: 3, Voter: voters + 1, Answer: 1})
			remake(h)
		}},
		"final results changed": {Changed, func(t *testing.T, h *History) {
			finalView(t, h).Body++
		}},
		"a final list changed": {Changed, func(t *testing.T, h *History) {
			finalView(t, h).List++
		}},
		"a tally is one too high": {Tally, func(_ *testing.T, h *History) {
			h.Ends[2].Counts[1]++
			for i := range h.Ends[2].Told {
				h.Ends[2].Told[i].Counts[1]++
			}
		}},
		"a total counts ticks": {Tally, func(_ *testing.T, h *History) {
			h.Ends[2].Voters++
			for i := range h.Ends[2].Told {
				h.Ends[2].Told[i].Total++
			}
		}},
		"one replica tells another tally": {Tally, func(_ *testing.T, h *History) {
			h.Ends[1].Told[1].Counts[0]--
		}},
		"a list leaves somebody out": {Tally, func(_ *testing.T, h *History) {
			told := &h.Ends[1].Told[0]
			told.List = told.List[1:]
		}},
		"a list tells another answer": {Tally, func(_ *testing.T, h *History) {
			h.Ends[1].Told[0].List[0].Answer ^= 3
		}},
		"a revision goes back": {Backward, func(t *testing.T, h *History) {
			v := *finalView(t, h)
			v.Revision--
			h.Views = append(h.Views, v)
		}},
		"a version goes back": {Backward, func(t *testing.T, h *History) {
			v := *finalView(t, h)
			v.Version--
			h.Views = append(h.Views, v)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				h := good(seed)
				planted.plant(t, h)
				r := Check(h)
				require.Positive(t, r.Of(planted.kind), "seed %d: %v", seed, r.Violations)
			}
		})
	}
}

// lastWindow gives the end of the last time in which a vote for a poll may be sent.
func lastWindow(h *History, poll int32) time.Duration {
	all := windows(h.Moves)[poll]
	return all[len(all)-1].to
}

// The two judges of a register know different rules and must come to the same end.
func TestPorcupineFindsWhatIsLost(t *testing.T) {
	for seed := range uint64(50) {
		h := good(seed)
		row, casts := acknowledged(t, h)
		row.Answer, row.Seq = casts[0].Answer, int64(casts[0].Seq)
		remake(h)
		r := Check(h)
		require.Equal(t, 1, r.Of(Lost))
		require.Equal(t, 1, r.Of(Order))
	}
}

func TestAVoteWithoutAnAnswerMayStandOrNot(t *testing.T) {
	moves := []Move{{Sent: 0, Done: 1, Poll: 0, Version: 1}}
	cast := func(at time.Duration, answer Answer, status uint16) Cast {
		return Cast{Sent: at, Done: at + 1, Answer: answer, Status: status}
	}
	for name, c := range map[string]struct {
		casts     []Cast
		stands    Answer
		overtaken int
	}{
		"it came":                       {[]Cast{cast(1, 1, 503)}, 1, 0},
		"it did not":                    {[]Cast{cast(1, 1, 503)}, 0, 0},
		"it came after a lost one":      {[]Cast{cast(1, 1, 204), cast(3, 2, 0)}, 2, 0},
		"it did not, another stands":    {[]Cast{cast(1, 1, 204), cast(3, 2, 0)}, 1, 0},
		"it overtook what came later":   {[]Cast{cast(1, 1, 503), cast(3, 2, 204)}, 1, 1},
		"the retry stands":              {[]Cast{cast(1, 1, 503), cast(3, 1, 204)}, 1, 0},
		"refused, and counted on retry": {[]Cast{cast(1, 1, 409), cast(3, 1, 204)}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := &History{Moves: moves, Casts: c.casts}
			if c.stands != 0 {
				h.Rows = []Row{{Answer: c.stands}}
			}
			h.Ends = []End{{Counts: recount(h.Rows, 2), Voters: int64(len(h.Rows))}}
			r := Check(h)
			require.Empty(t, r.Violations)
			require.Equal(t, c.overtaken, r.Overtaken)
		})
	}
}

package check

import (
	"slices"
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
		require.Positive(t, r.Rewritten)
		require.Greater(t, r.Biggest, 1)
	}
}

// acknowledged finds a register whose row is its last acknowledged vote, with nothing that could
// excuse another.
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
		if clean && len(casts) > 1 && casts[0].Answer != row.Answer &&
			casts[len(casts)-1].Answer == row.Answer {
			return row, casts
		}
	}
	t.Fatal("no such register")
	return nil, nil
}

// put makes a vote the one that stands.
func (row *Row) put(c *Cast) { row.Answer, row.Seq, row.ID = c.Answer, int64(c.Seq), c.ID }

// takenBack finds a row of a voter who has taken theirs back.
func takenBack(t *testing.T, h *History) *Row {
	t.Helper()
	for i := range h.Rows {
		if h.Rows[i].Answer == TakenBack {
			return &h.Rows[i]
		}
	}
	t.Fatal("nobody has taken a vote back")
	return nil
}

// answered finds a vote that got an answer.
func answered(t *testing.T, h *History, status uint16) *Cast {
	t.Helper()
	for i := range h.Casts {
		if h.Casts[i].Status == status {
			return &h.Casts[i]
		}
	}
	t.Fatal("no such answer")
	return nil
}

// remake makes tallies, totals and lists fit the rows again, and what was read later. So only the
// planted fault is there to be found.
func remake(h *History) {
	h.Later = slices.Clone(h.Rows)
	for i := range h.Ends {
		e := &h.Ends[i]
		var rows []Row
		for _, row := range h.Rows {
			if row.Poll == e.Poll {
				rows = append(rows, row)
			}
		}
		rows = counting(rows)
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
			row.put(casts[0])
			remake(h)
		}},
		"an earlier answer came back, which was sent in vain before too": {Lost,
			func(t *testing.T, h *History) {
				row, casts := acknowledged(t, h)
				casts[0].Status, casts[0].ID = 409, ID{}
				h.Casts = append(h.Casts, *casts[0])
				h.Casts[len(h.Casts)-1].Status, h.Casts[len(h.Casts)-1].ID = 204, ID{1}
				row.put(&h.Casts[len(h.Casts)-1])
				remake(h)
			}},
		"a lower seq stands": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			for i, c := range casts {
				c.Seq = int32(i + 1)
			}
			casts[0].Status, casts[0].ID = 503, ID{} // it may count, but not over a higher one
			row.put(casts[0])
			remake(h)
		}},
		"an earlier answer stands that was given again without an answer, by the id of the earlier": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			again := *casts[0]
			again.Status, again.ID = 0, ID{}
			again.Sent, again.Done = casts[len(casts)-1].Done+1, casts[len(casts)-1].Done+2
			h.Casts = append(h.Casts, again)
			row.put(casts[0])
			remake(h)
		}},
		"a vote of long ago comes back, which had no answer": {Lost,
			func(t *testing.T, h *History) {
				row, casts := acknowledged(t, h)
				old := *casts[0]
				old.Status, old.ID, old.Seq = 503, ID{}, casts[len(casts)-1].Seq
				old.Sent -= 2 * time.Minute
				old.Done -= 2 * time.Minute
				old.Answer = row.Answer ^ 7
				h.Casts = append(h.Casts, old)
				row.put(&old)
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
		"a vote stands under an id that nobody was told": {Ghost, func(t *testing.T, h *History) {
			row, _ := acknowledged(t, h)
			row.ID[0]++
			remake(h)
		}},
		"another answer stands under an id": {Ghost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			row.ID = casts[0].ID
			remake(h)
		}},
		"a row of a poll that is not there": {Ghost, func(_ *testing.T, h *History) {
			h.Rows = append(h.Rows, Row{Poll: polls + 1, Voter: 1, Answer: 1})
		}},
		"a refused vote stands": {Revived, func(t *testing.T, h *History) {
			_, casts := acknowledged(t, h)
			for _, c := range casts {
				c.Status, c.ID = 409, ID{}
			}
		}},
		"an invalid vote stands": {Revived, func(t *testing.T, h *History) {
			_, casts := acknowledged(t, h)
			for _, c := range casts {
				c.Status, c.ID = 400, ID{}
			}
		}},
		"a vote is acknowledged two leases after its poll left": {Late,
			func(_ *testing.T, h *History) {
				for i := range h.Casts {
					if h.Casts[i].Status == 409 {
						h.Casts[i].Status = 202
						return
					}
				}
			}},
		"a vote without an answer counts two leases after its poll left": {Late,
			func(t *testing.T, h *History) {
				row, _ := acknowledged(t, h)
				left := lastWindow(h, row.Poll)
				*row = Row{Poll: row.Poll, Voter: voters + 1, Answer: 1}
				h.Casts = append(h.Casts,
					Cast{Sent: left + time.Millisecond, Done: left + time.Second, Voter: voters + 1,
						Poll: row.Poll, Answer: 1})
				remake(h)
			}},
		"a vote counts before its poll was displayed": {Late, func(_ *testing.T, h *History) {
			h.Casts = append(h.Casts,
				Cast{Sent: 0, Done: 1, Voter: voters + 1, Poll: 3, Answer: 1,
					Status: 204, ID: ID{1}})
			h.Rows = append(h.Rows, Row{Poll: 3, Voter: voters + 1, Answer: 1, ID: ID{1}})
			remake(h)
		}},
		"a vote counts that got 503 while its poll was off the slide": {Late,
			func(_ *testing.T, h *History) {
				from, to := gap(h, 0)
				h.Casts = append(h.Casts,
					Cast{Sent: from, Done: to, Voter: voters + 1, Answer: 1, Status: 503,
						RetryAfter: true})
				h.Rows = append(h.Rows, Row{Voter: voters + 1, Answer: 1, ID: ID{1}})
				remake(h)
			}},
		"a vote of a gap counts, and one in time with the same answer was acknowledged under " +
			"another id": {Late, func(_ *testing.T, h *History) {
			from, to := gap(h, 0)
			h.Casts = append(h.Casts,
				Cast{Sent: h.Moves[0].Done + 1, Done: h.Moves[0].Done + 2, Voter: voters + 1,
					Answer: 1, Status: 204, ID: ID{2}},
				Cast{Sent: from, Done: to, Voter: voters + 1, Answer: 1, Status: 503,
					RetryAfter: true})
			h.Rows = append(h.Rows, Row{Voter: voters + 1, Answer: 1, ID: ID{1}})
			remake(h)
		}},
		"a strange failure": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 204).Status = 500 }},
		"a poll that is there is not found": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 409).Status = 404 }},
		"a voter is told to slow down": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 503).Status = 429 }},
		"another kind of success": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 204).Status = 200 }},
		"a vote in order is called wrong": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 409).Status = 400 }},
		"an option that is not there is acknowledged": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 204).Wrong = true }},
		"an overload without Retry-After": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 503).RetryAfter = false }},
		"an acknowledgement without an id": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 202).ID = ID{} }},
		"two votes are told one id": {Odd,
			func(t *testing.T, h *History) { answered(t, h, 202).ID = answered(t, h, 204).ID }},
		"a refusal while the poll is displayed": {Odd, func(t *testing.T, h *History) {
			c := answered(t, h, 204)
			c.Status, c.ID = 409, ID{}
		}},
		"final results changed": {Changed, func(t *testing.T, h *History) {
			finalView(t, h).Counted++
		}},
		"final results changed within a revision": {Changed, func(t *testing.T, h *History) {
			finalView(t, h).Body++
		}},
		"a final list changed": {Changed, func(t *testing.T, h *History) {
			finalView(t, h).List++
		}},
		"a row changed long after the end": {Changed, func(_ *testing.T, h *History) {
			h.Later[0].ID[0]++
		}},
		"a row is gone long after the end": {Changed, func(_ *testing.T, h *History) {
			h.Later = h.Later[1:]
		}},
		"a row comes long after the end": {Changed, func(_ *testing.T, h *History) {
			h.Later = append(h.Later, Row{Poll: 1, Voter: voters + 1, Answer: 1})
		}},
		"results that are not final changed within a revision": {Changed,
			func(_ *testing.T, h *History) {
				for i := range h.Views {
					if !h.Views[i].Final {
						h.Views[i].Body++
						return
					}
				}
			}},
		"what is final is not any more": {Changed, func(t *testing.T, h *History) {
			v := *finalView(t, h)
			v.Final, v.Revision = false, v.Revision+1
			v.Sent, v.Done = v.Done+1, v.Done+2
			h.Views = append(h.Views, v)
		}},
		"another replica does not know what is final": {Changed, func(t *testing.T, h *History) {
			v := *finalView(t, h)
			v.Final, v.Revision, v.Replica = false, v.Revision-1, 7
			v.Sent, v.Done = v.Done+1, v.Done+2
			h.Views = append(h.Views, v)
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
		"a vote that was taken back is still a voter's": {Tally, func(t *testing.T, h *History) {
			e := &h.Ends[takenBack(t, h).Poll]
			e.Voters++
			for i := range e.Told {
				e.Told[i].Total++
			}
		}},
		"a vote that was taken back is in a list": {Ghost, func(t *testing.T, h *History) {
			row := takenBack(t, h)
			told := &h.Ends[row.Poll].Told[0]
			told.List = append(told.List, *row)
		}},
		"a vote that was taken back stands again": {Lost, func(t *testing.T, h *History) {
			row, casts := acknowledged(t, h)
			last := casts[len(casts)-1]
			for _, c := range casts {
				if c.Answer == last.Answer {
					c.Answer = TakenBack
				}
			}
			row.put(casts[0])
			remake(h)
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
			for seed := range uint64(10) {
				h := good(seed)
				planted.plant(t, h)
				r := Check(h)
				require.Positive(t, r.Of(planted.kind), "seed %d: %v", seed, r.Violations)
			}
		})
	}
}

// gap gives a time in which a poll that was displayed before and is displayed later is off the
// slide for sure.
func gap(h *History, poll int32) (from, to time.Duration) {
	all := windows(h.Moves)[poll]
	return all[0].to + 1, all[1].from - 1
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
		row.put(casts[0])
		remake(h)
		r := Check(h)
		require.Equal(t, 1, r.Of(Lost))
		require.Equal(t, 1, r.Of(Order))
	}
}

// What porcupine does not know it does not clear: a run says how often that was.
func TestARegisterThatPorcupineGivesUpOnIsCounted(t *testing.T) {
	defer func(d time.Duration) { judgement = d }(judgement)
	judgement = 10 * time.Millisecond
	h := &History{Moves: []Move{{Sent: 0, Done: 1, Poll: 0, Version: 1}}}
	for i := range 40 { // in any order, and none leaves a lower number
		h.Casts = append(h.Casts,
			Cast{Sent: 2, Done: 10, Seq: int32(1 + i), Answer: 1, Status: 204, ID: ID{byte(1 + i)}})
	}
	h.Rows = []Row{{Seq: 1, Answer: 1, ID: ID{1}}}
	h.Ends = []End{{Counts: recount(h.Rows, 2), Voters: 1}}
	r := Check(h)
	require.Equal(t, 1, r.Undecided)
	require.Zero(t, r.Registers)
	require.Equal(t, 1, r.Of(Lost), "the other judge knows")
}

func TestAVoteWithoutAnAnswerMayStandOrNot(t *testing.T) {
	moves := []Move{{Sent: 0, Done: 1, Poll: 0, Version: 1}}
	cast := func(at time.Duration, answer Answer, status uint16, id byte) Cast {
		return Cast{Sent: at, Done: at + 1, Answer: answer, Status: status, ID: ID{id},
			RetryAfter: true}
	}
	wrong := cast(1, 4, 400, 0)
	wrong.Wrong = true
	for name, c := range map[string]struct {
		casts             []Cast
		stands            Answer
		id                byte
		overtaken, behind int
	}{
		"it came":    {[]Cast{cast(1, 1, 503, 0)}, 1, 9, 0, 0},
		"it did not": {[]Cast{cast(1, 1, 503, 0)}, 0, 0, 0, 0},
		"it came after an acknowledged one": {[]Cast{cast(1, 1, 204, 1),
			cast(3, 2, 0, 0)}, 2, 9, 1, 0},
		"it did not, another stands": {[]Cast{cast(1, 1, 204, 1),
			cast(3, 2, 0, 0)}, 1, 1, 0, 0},
		"it overtook what came later": {[]Cast{cast(1, 1, 503, 0),
			cast(3, 2, 204, 1)}, 1, 9, 1, 1},
		"the retry stands": {[]Cast{cast(1, 1, 503, 0),
			cast(3, 1, 204, 1)}, 1, 1, 0, 0},
		"it overtook its own retry": {[]Cast{cast(1, 1, 503, 0),
			cast(3, 1, 204, 1)}, 1, 9, 1, 1},
		"wrong, and right on the next try": {[]Cast{wrong, cast(3, 1, 204, 1)}, 1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := &History{Moves: moves, Casts: c.casts}
			if c.stands != 0 {
				h.Rows = []Row{{Answer: c.stands, ID: ID{c.id}}}
			}
			h.Ends = []End{{Counts: recount(h.Rows, 2), Voters: int64(len(h.Rows))}}
			r := Check(h)
			require.Empty(t, r.Violations)
			require.Equal(t, c.overtaken, r.Overtaken)
			require.Equal(t, c.behind, r.Behind)
		})
	}
}

// Two devices of one voter: what overlaps may stand in either order, what does not may not.
func TestOfTwoVotesAtTheSameTimeEitherMayStand(t *testing.T) {
	moves := []Move{{Sent: 0, Done: 1, Poll: 0, Version: 1}}
	first := Cast{Sent: 2, Done: 10, Answer: 1, Status: 204, ID: ID{1}}
	second := Cast{Sent: 5, Done: 12, Answer: 2, Status: 202, ID: ID{2}}
	after := Cast{Sent: 11, Done: 14, Answer: 1, Status: 204, ID: ID{3}}
	for name, c := range map[string]struct {
		casts  []Cast
		stands Cast
		lost   int
	}{
		"the first":                      {[]Cast{first, second}, first, 0},
		"the second":                     {[]Cast{first, second}, second, 0},
		"the last":                       {[]Cast{first, second, after}, after, 0},
		"one that the last overlaps":     {[]Cast{first, second, after}, second, 0},
		"one that was over, same answer": {[]Cast{first, second, after}, first, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := &History{Moves: moves, Casts: c.casts,
				Rows: []Row{{Answer: c.stands.Answer, ID: c.stands.ID}}}
			h.Ends = []End{{Counts: recount(h.Rows, 2), Voters: 1}}
			r := Check(h)
			require.Len(t, r.Violations, 2*c.lost, "one for each judge: %v", r.Violations)
			require.Equal(t, c.lost, r.Of(Lost))
			require.Equal(t, c.lost, r.Of(Order))
			require.Equal(t, len(c.casts), r.Biggest)
		})
	}
}

// A refusal is in order while the voter may not know yet what is displayed, or a replica may not.
func TestARefusalNearATransitionIsInOrder(t *testing.T) {
	const s = time.Second
	moves := []Move{
		{Sent: 0, Done: s, Poll: 0, Version: 1},
		{Sent: 10 * s, Done: 11 * s, Poll: -1, Version: 2},
		{Sent: 11 * s, Done: 12 * s, Poll: 0, Version: 3},
	}
	for name, c := range map[string]struct {
		sent, done time.Duration
		odd        int
	}{
		"before the presenter was told":      {s / 2, 2 * s, 0},
		"at once after":                      {s + 1, 2 * s, 1},
		"while it is taken away":             {9 * s, 10*s + 1, 0},
		"within the lease of another time":   {12*s - 1, 13 * s, 0},
		"when no replica may err any more":   {12*s + 1, 13 * s, 1},
		"when it was displayed all the time": {5 * s, 6 * s, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := Check(&History{Moves: moves,
				Casts: []Cast{{Sent: c.sent, Done: c.done, Answer: 1, Status: 409}}})
			require.Equal(t, c.odd, r.Of(Odd), "%v", r.Violations)
		})
	}
}

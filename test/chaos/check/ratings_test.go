package check

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatingsThatKeepEveryPromiseAreNotBlamed(t *testing.T) {
	for seed := range uint64(200) {
		r := Ratings(goodRatings(seed))
		require.Empty(t, r.Violations, "seed %d", seed)
		require.Equal(t, r.Sent, r.Acknowledged+r.Refused+r.Unknown)
		require.Positive(t, r.Registers)
		require.Positive(t, r.Rewritten)
		require.Greater(t, r.Biggest, 1)
	}
}

// sure finds a row of somebody whose ratings were all acknowledged, without a key. It gives them in
// order. The first is like no other.
func sure(t *testing.T, h *RatingHistory) (row *RatingRow, sent []*Rating) {
	t.Helper()
	for i := range h.End.Rows {
		row, sent, clean := &h.End.Rows[i], []*Rating(nil), true
		for j := range h.Sent {
			s := &h.Sent[j]
			if s.Talk == row.Talk && s.Person == row.Person {
				sent = append(sent, s)
				clean = clean && s.Outcome() == Acknowledged && s.Key == 0
			}
		}
		if clean && len(sent) > 1 && sent[0].Value != row.Value &&
			!slices.ContainsFunc(sent[1:], func(s *Rating) bool {
				return s.Value == sent[0].Value && s.Comment == sent[0].Comment
			}) {
			return row, sent
		}
	}
	t.Fatal("no such row")
	return nil, nil
}

// put has a rating stand, at the end and later.
func (h *RatingHistory) put(row *RatingRow, s *Rating) {
	row.Value, row.Comment = s.Value, s.Comment
	h.remake()
}

// remake makes everything but the rows of the end fit them.
func (h *RatingHistory) remake() {
	h.End.remake()
	h.Later.Rows = slices.Clone(h.End.Rows)
	h.Later.remake()
}

// told finds a request that got an answer.
func told(t *testing.T, h *RatingHistory, status uint16) *Rating {
	t.Helper()
	i := slices.IndexFunc(h.Sent, func(s Rating) bool { return s.Status == status })
	require.GreaterOrEqual(t, i, 0)
	return &h.Sent[i]
}

func TestEveryPlantedFaultOfRatingsIsFound(t *testing.T) {
	for name, planted := range map[string]struct {
		kind  Kind
		plant func(t *testing.T, h *RatingHistory)
	}{
		"an acknowledged rating is gone": {Lost, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			*row = h.End.Rows[len(h.End.Rows)-1]
			h.End.Rows = h.End.Rows[:len(h.End.Rows)-1]
			h.remake()
		}},
		"an earlier rating came back": {Lost, func(t *testing.T, h *RatingHistory) {
			row, sent := sure(t, h)
			h.put(row, sent[0])
		}},
		"an earlier rating came back, which porcupine finds as well": {Order,
			func(t *testing.T, h *RatingHistory) {
				row, sent := sure(t, h)
				h.put(row, sent[0])
			}},
		"a retry counted once more": {Lost, func(t *testing.T, h *RatingHistory) {
			row, sent := sure(t, h)
			last := sent[len(sent)-1]
			old := Rating{Sent: last.Sent - 3, Done: last.Sent - 2, Talk: row.Talk,
				Person: row.Person, Key: 1 << 20, Value: 1 + row.Value%5, Status: 204}
			again := old
			again.Sent, again.Done = last.Done+1, last.Done+2
			h.Sent = append(h.Sent, old, again)
			h.put(row, &again)
		}},
		"a retry without an answer counted once more": {Lost,
			func(t *testing.T, h *RatingHistory) {
				row, sent := sure(t, h)
				last := sent[len(sent)-1]
				old := Rating{Sent: last.Sent - 3, Done: last.Sent - 2, Talk: row.Talk,
					Person: row.Person, Key: 1 << 20, Value: 1 + row.Value%5, Status: 204}
				again := old
				again.Sent, again.Done, again.Status = last.Done+1, last.Done+2, 0
				h.Sent = append(h.Sent, old, again)
				h.put(row, &again)
			}},
		"a rating of long ago comes back, which had no answer": {Lost,
			func(t *testing.T, h *RatingHistory) {
				row, sent := sure(t, h)
				old := *sent[len(sent)-1]
				old.Status, old.Value, old.Comment = 0, 1+row.Value%5, 1<<20
				old.Sent -= 2 * time.Minute
				old.Done -= 2 * time.Minute
				h.Sent = append(h.Sent, old)
				h.put(row, &old)
			}},
		"a person has two rows": {Double, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			h.End.Rows = append(h.End.Rows, *row)
			h.remake()
		}},
		"a person has two rows later": {Double, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			h.Later.Rows = append(h.Later.Rows, *row)
			h.Later.remake()
		}},
		"a rating of nobody stands": {Ghost, func(_ *testing.T, h *RatingHistory) {
			h.End.Rows = append(h.End.Rows, RatingRow{Talk: 1, Person: -1, Value: 5})
			h.remake()
		}},
		"a rating stands that was never sent": {Ghost, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			row.Comment = 1 << 20
			h.remake()
		}},
		"another value stands beside a comment": {Ghost, func(_ *testing.T, h *RatingHistory) {
			i := slices.IndexFunc(h.End.Rows, func(r RatingRow) bool { return r.Comment > 0 })
			h.End.Rows[i].Value = 1 + h.End.Rows[i].Value%5
			h.remake()
		}},
		"a comment stands that nobody wrote": {Ghost, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			row.Comment = -1
			h.remake()
		}},
		"a rating of a talk that nobody made": {Ghost, func(_ *testing.T, h *RatingHistory) {
			h.End.Rows = append(h.End.Rows, RatingRow{Talk: talks, Person: 1, Value: 5})
		}},
		"a row of a value that no talk takes": {Ghost, func(t *testing.T, h *RatingHistory) {
			row, _ := sure(t, h)
			row.Value = 6
		}},
		"a refused rating stands": {Revived, func(t *testing.T, h *RatingHistory) {
			_, sent := sure(t, h)
			for _, s := range sent {
				s.Status = 400
			}
		}},
		"a strange failure":                          {Odd, answers(204, 500)},
		"a talk is not found":                        {Odd, answers(204, 404)},
		"a talk that is always open is closed":       {Odd, answers(204, 409)},
		"a person is told to slow down":              {Odd, answers(204, 429)},
		"another kind of success":                    {Odd, answers(204, 200)},
		"a rating in order is called wrong":          {Odd, answers(204, 400)},
		"a value that no talk takes is acknowledged": {Odd, answers(400, 204)},
		"an overload without Retry-After": {Odd, func(t *testing.T, h *RatingHistory) {
			told(t, h, 503).RetryAfter = false
		}},
		"a tally is one too high": {Tally, func(_ *testing.T, h *RatingHistory) {
			h.End.Talks[1].Counts[2]++
			for i := range h.End.Talks[1].Told {
				h.End.Talks[1].Told[i].Counts[2]++
				h.End.Talks[1].Told[i].Count++
			}
		}},
		"a tally is wrong long after the end": {Tally, func(_ *testing.T, h *RatingHistory) {
			h.Later.Talks[1].Counts[2]--
		}},
		"one replica tells another tally": {Tally, func(_ *testing.T, h *RatingHistory) {
			h.End.Talks[0].Told[1].Counts[0]++
		}},
		"one replica tells another count": {Tally, func(_ *testing.T, h *RatingHistory) {
			h.End.Talks[0].Told[1].Count++
		}},
		"a revision goes back": {Backward, func(_ *testing.T, h *RatingHistory) {
			v := h.Views[len(h.Views)-1]
			v.Revision--
			h.Views = append(h.Views, v)
		}},
		"ratings changed within a revision": {Changed, func(_ *testing.T, h *RatingHistory) {
			v := h.Views[len(h.Views)-1]
			v.Body++
			h.Views = append(h.Views, v)
		}},
		"replicas tell different ratings of a revision": {Changed,
			func(_ *testing.T, h *RatingHistory) {
				v := h.Views[len(h.Views)-1]
				v.Body++
				v.Replica = 7
				h.Views = append(h.Views, v)
			}},
		"a reading lacks a rating that was told to count": {Stale,
			func(_ *testing.T, h *RatingHistory) { h.Views[len(h.Views)-1].Count = 0 }},
		"a reading counts people who have not rated": {Ghost,
			func(_ *testing.T, h *RatingHistory) {
				h.Views[len(h.Views)-1].Count = raters + 1
			}},
		"a row changed long after the end": {Changed, func(t *testing.T, h *RatingHistory) {
			row, sent := sure(t, h)
			i := slices.Index(h.Later.Rows, *row)
			h.Later.Rows[i].Value, h.Later.Rows[i].Comment = sent[0].Value, sent[0].Comment
			h.Later.remake()
		}},
		"a row is gone long after the end": {Changed, func(_ *testing.T, h *RatingHistory) {
			h.Later.Rows = h.Later.Rows[1:]
			h.Later.remake()
		}},
		"a row of nobody comes long after the end": {Changed,
			func(_ *testing.T, h *RatingHistory) {
				h.Later.Rows = append(h.Later.Rows, RatingRow{Person: -1, Value: 2})
				h.Later.remake()
			}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				h := goodRatings(seed)
				planted.plant(t, h)
				r := Ratings(h)
				require.Positive(t, r.Of(planted.kind), "seed %d: %v", seed, r.Violations)
			}
		})
	}
}

// answers gives a request another answer.
func answers(from, to uint16) func(*testing.T, *RatingHistory) {
	return func(t *testing.T, h *RatingHistory) { told(t, h, from).Status = to }
}

// What nobody was told the outcome of may come late, and is no violation.
func TestARatingWithoutAnAnswerMayStandOrNot(t *testing.T) {
	type ratings []Rating
	sent := func(at time.Duration, value int8, key int32, status uint16) Rating {
		return Rating{Sent: at, Done: at + 1, Value: value, Key: key, Status: status,
			RetryAfter: true}
	}
	lost, other := sent(1, 4, 0, 0), sent(3, 2, 0, 204)
	for name, c := range map[string]struct {
		sent               ratings
		stands, later      int8 // 0: there is no row
		changed, overtaken int
	}{
		"it came":                     {ratings{sent(1, 4, 0, 503)}, 4, 4, 0, 0},
		"it did not":                  {ratings{sent(1, 4, 0, 503)}, 0, 0, 0, 0},
		"it comes long after":         {ratings{lost}, 0, 4, 0, 0},
		"it overtook what came later": {ratings{lost, other}, 4, 4, 0, 1},
		"it overtakes it long after":  {ratings{lost, other}, 2, 4, 0, 0},
		"the retry was acknowledged": {
			ratings{sent(1, 4, 7, 0), sent(3, 4, 7, 204)}, 4, 4, 0, 0,
		},
		"the retry had no answer": {
			ratings{sent(1, 4, 7, 204), sent(3, 4, 7, 0)}, 4, 4, 0, 0,
		},
		"an acknowledged one is late": {
			ratings{sent(1, 4, 0, 202), sent(1, 2, 0, 202)}, 2, 4, 1, 0,
		},
		"a retry of what counted is late": {
			ratings{sent(1, 4, 7, 204), sent(2, 2, 0, 204), sent(5, 4, 7, 0)}, 2, 4, 1, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &RatingHistory{Sent: c.sent}
			of := func(value int8) (p Programme) {
				p.Talks = []TalkEnd{{}}
				if value > 0 {
					p.Rows = []RatingRow{{Value: value}}
				}
				p.remake()
				return p
			}
			h.End, h.Later = of(c.stands), of(c.later)
			r := Ratings(h)
			require.Len(t, r.Violations, c.changed, "%v", r.Violations)
			require.Equal(t, c.changed, r.Of(Changed))
			require.Equal(t, c.overtaken, r.Overtaken)
		})
	}
}

package check

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFeedThatKeepsEveryPromiseIsNotBlamed(t *testing.T) {
	for seed := range uint64(40) {
		r := Feed(goodFeed(seed))
		require.Empty(t, r.Violations, "seed %d", seed)
		require.Equal(t, r.Sent, r.Acknowledged+r.Refused+r.Unknown)
		require.Zero(t, r.Undecided)
		require.Positive(t, r.Registers)
		require.Positive(t, r.Rewritten)
		require.Greater(t, r.Biggest, 1)
	}
}

// plain finds a row of an account that did one thing alone with the poll, which was acknowledged.
func plain(t *testing.T, h *FeedHistory, action Action) (row *FeedRow, act *Act) {
	t.Helper()
	own := func(row FeedRow) (all []*Act) {
		for i := range h.Acts {
			if a := &h.Acts[i]; a.Account == row.Account && a.Poll == row.Poll && !a.Wrong &&
				a.Outcome() != Refused {
				all = append(all, a)
			}
		}
		return all
	}
	for i := range h.End.Rows {
		all := own(h.End.Rows[i])
		if len(all) == 1 && all[0].Status == 204 && all[0].Action == action {
			return &h.End.Rows[i], all[0]
		}
	}
	t.Fatal("no such row")
	return nil, nil
}

// remake makes everything but the rows of the end fit them.
func (h *FeedHistory) remake() {
	h.End.remake()
	h.Later.Rows = slices.Clone(h.End.Rows)
	h.Later.remake()
}

// acted changes an act that got an answer.
func acted(from uint16, change func(*Act)) func(*testing.T, *FeedHistory) {
	return func(t *testing.T, h *FeedHistory) {
		i := slices.IndexFunc(h.Acts, func(a Act) bool { return a.Status == from })
		require.GreaterOrEqual(t, i, 0)
		change(&h.Acts[i])
	}
}

func answeredAs(status uint16, code string) func(*Act) {
	return func(a *Act) { a.Status, a.Code = status, code }
}

func TestEveryPlantedFaultOfTheFeedIsFound(t *testing.T) {
	for name, planted := range map[string]struct {
		kind  Kind
		plant func(t *testing.T, h *FeedHistory)
	}{
		"an acknowledged vote is gone": {Lost, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			*row = h.End.Rows[len(h.End.Rows)-1]
			h.End.Rows = h.End.Rows[:len(h.End.Rows)-1]
			h.remake()
		}},
		"an acknowledged skip is gone": {Lost, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Skip)
			*row = h.End.Rows[len(h.End.Rows)-1]
			h.End.Rows = h.End.Rows[:len(h.End.Rows)-1]
			h.remake()
		}},
		"an acknowledged skip is gone, which porcupine finds as well": {Order,
			func(t *testing.T, h *FeedHistory) {
				row, _ := plain(t, h, Skip)
				*row = h.End.Rows[len(h.End.Rows)-1]
				h.End.Rows = h.End.Rows[:len(h.End.Rows)-1]
				h.remake()
			}},
		"a durable skip is gone": {Order, func(t *testing.T, h *FeedHistory) {
			row, act := plain(t, h, Skip)
			act.Status = 202
			*row = h.End.Rows[len(h.End.Rows)-1]
			h.End.Rows = h.End.Rows[:len(h.End.Rows)-1]
			h.remake()
		}},
		"another option stands": {Lost, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			row.Option = (row.Option + 1) % feedOptions
			h.remake()
		}},
		"an account has two rows": {Double, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			h.End.Rows = append(h.End.Rows, *row)
			h.remake()
		}},
		"an account has two rows later": {Double, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			h.Later.Rows = append(h.Later.Rows, *row)
			h.Later.remake()
		}},
		"a second vote counted": {Double, func(t *testing.T, h *FeedHistory) {
			_, act := plain(t, h, Vote)
			again := *act
			again.Key, again.Sent, again.Done = 0, act.Done+1, act.Done+2
			h.Acts = append(h.Acts, again)
		}},
		"a second skip had an effect": {Order, func(t *testing.T, h *FeedHistory) {
			_, act := plain(t, h, Skip)
			again := *act
			again.Key, again.Sent, again.Done = 0, act.Done+1, act.Done+2
			h.Acts = append(h.Acts, again)
		}},
		"a retry is told that it voted before": {Order, func(t *testing.T, h *FeedHistory) {
			_, act := plain(t, h, Vote)
			act.Key = 1 << 20
			again := *act
			again.Sent, again.Done = act.Done+1, act.Done+2
			again.Status, again.Code = 409, "already_voted"
			h.Acts = append(h.Acts, again)
		}},
		"an answer of nobody": {Ghost, func(_ *testing.T, h *FeedHistory) {
			h.End.Rows = append(h.End.Rows, FeedRow{-1, 1, 1})
			h.remake()
		}},
		"an answer that was never sent": {Ghost, func(_ *testing.T, h *FeedHistory) {
			h.End.Rows = append(h.End.Rows, FeedRow{members, 1, 1})
			h.remake()
		}},
		"an answer to a poll that nobody made": {Ghost, func(_ *testing.T, h *FeedHistory) {
			h.End.Rows = append(h.End.Rows, FeedRow{1, feedPolls, 1})
		}},
		"a refused vote stands": {Revived, func(t *testing.T, h *FeedHistory) {
			_, act := plain(t, h, Vote)
			act.Status, act.Code = 409, "already_voted"
		}},
		"an account has more votes than a day has": {Quota, func(t *testing.T, h *FeedHistory) {
			row, act := plain(t, h, Vote)
			for range h.Quota {
				a, poll := *act, int32(len(h.End.Polls))
				a.Poll, a.Key = poll, 0
				h.Acts = append(h.Acts, a)
				h.End.Rows = append(h.End.Rows, FeedRow{row.Account, poll, a.Option})
				h.End.Polls = append(h.End.Polls, FeedPoll{Poll: poll})
				h.Later.Polls = append(h.Later.Polls, FeedPoll{Poll: poll})
				h.Pages = nil
			}
			h.remake()
		}},
		"a vote that was withdrawn is given once more": {Quota,
			func(t *testing.T, h *FeedHistory) {
				i := slices.IndexFunc(h.Acts, func(a Act) bool { return a.Status == 429 })
				require.GreaterOrEqual(t, i, 0)
				for range h.Quota {
					a := h.Acts[i]
					a.Status, a.Code, a.Key = 204, "", 0
					h.Acts = append(h.Acts, a)
				}
			}},
		"a quota is said to be spent, and is not": {Odd, func(_ *testing.T, h *FeedHistory) {
			h.Acts = append(h.Acts, Act{
				Done: 1, Account: members, Action: Vote, Status: 429, Code: "quota_spent",
				RetryAfter: true,
			})
		}},
		"the feed says that more votes are left": {Stale, func(_ *testing.T, h *FeedHistory) {
			h.Pages[len(h.Pages)-1].Remaining = h.Quota + 1
		}},
		"the feed says that fewer votes are left": {Stale, func(_ *testing.T, h *FeedHistory) {
			h.Pages = append(h.Pages, h.Pages[0])
			p := &h.Pages[len(h.Pages)-1]
			p.Account, p.Remaining, p.Polls = members, 0, everyPoll()
		}},
		"a poll is shown again after a vote": {Shown, shownAgain(Vote)},
		"a poll is shown again after a skip": {Shown, shownAgain(Skip)},
		"a poll is in the feed twice": {Double, func(t *testing.T, h *FeedHistory) {
			i := slices.IndexFunc(h.Pages, func(p Page) bool { return len(p.Polls) > 0 })
			require.GreaterOrEqual(t, i, 0)
			h.Pages[i].Polls = append(h.Pages[i].Polls, h.Pages[i].Polls[0])
		}},
		"a poll that was not answered is not shown": {Stale, func(_ *testing.T, h *FeedHistory) {
			h.Pages = append(h.Pages, Page{
				Done: 1, Account: members, Polls: everyPoll()[1:], Limit: h.Quota,
				Remaining: h.Quota,
			})
		}},
		"a strange failure":        {Odd, acted(204, answeredAs(500, ""))},
		"a poll is not found":      {Odd, acted(204, answeredAs(404, ""))},
		"another kind of success":  {Odd, acted(204, answeredAs(200, ""))},
		"a poll is called closed":  {Odd, acted(409, answeredAs(409, "poll_closed"))},
		"an account is slowed":     {Odd, acted(429, answeredAs(429, "rate_limited"))},
		"what is in order is not":  {Odd, acted(204, answeredAs(400, ""))},
		"no option is there":       {Odd, acted(400, answeredAs(204, ""))},
		"a quota without an end":   {Odd, acted(429, func(a *Act) { a.RetryAfter = false })},
		"an overload without wait": {Odd, acted(503, func(a *Act) { a.RetryAfter = false })},
		"a tally is one too high": {Tally, func(_ *testing.T, h *FeedHistory) {
			h.End.Polls[1].Votes[2]++
		}},
		"skips are one too low": {Tally, func(_ *testing.T, h *FeedHistory) {
			h.End.Polls[1].Skips--
		}},
		"a tally is wrong long after the end": {Tally, func(_ *testing.T, h *FeedHistory) {
			h.Later.Polls[1].Votes[2]--
		}},
		"one replica tells another tally": {Tally, func(_ *testing.T, h *FeedHistory) {
			h.End.Polls[0].Told[1].Votes[0]++
		}},
		"one replica tells another total": {Tally, func(_ *testing.T, h *FeedHistory) {
			h.End.Polls[0].Told[1].Total++
		}},
		"a row changed long after the end": {Changed, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			i := slices.Index(h.Later.Rows, *row)
			h.Later.Rows[i].Option = (row.Option + 1) % feedOptions
			h.Later.remake()
		}},
		"a row is gone long after the end": {Changed, func(t *testing.T, h *FeedHistory) {
			row, _ := plain(t, h, Vote)
			i := slices.Index(h.Later.Rows, *row)
			h.Later.Rows = slices.Delete(h.Later.Rows, i, i+1)
			h.Later.remake()
		}},
		"a row of nobody comes long after the end": {Changed,
			func(_ *testing.T, h *FeedHistory) {
				h.Later.Rows = append(h.Later.Rows, FeedRow{members, 1, 2})
				h.Later.remake()
			}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				h := goodFeed(seed)
				planted.plant(t, h)
				r := Feed(h)
				require.Positive(t, r.Of(planted.kind), "seed %d: %v", seed, r.Violations)
			}
		})
	}
}

func everyPoll() (all []int32) {
	for poll := range int32(feedPolls) {
		all = append(all, poll)
	}
	return all
}

// shownAgain has the feed show a poll after its answer was acknowledged.
func shownAgain(action Action) func(*testing.T, *FeedHistory) {
	return func(t *testing.T, h *FeedHistory) {
		row, act := plain(t, h, action)
		p := Page{Sent: act.Done + 1, Done: act.Done + 2, Account: row.Account, Limit: h.Quota}
		p.Polls = everyPoll()
		h.Pages = append(h.Pages, p)
	}
}

// What nobody was told the outcome of may come late, and is no violation.
func TestAnActWithoutAnAnswerMayHaveItsEffectOrNot(t *testing.T) {
	act := func(at time.Duration, action Action, key int32, status uint16) Act {
		return Act{Sent: at, Done: at + 1, Action: action, Key: key, Status: status,
			RetryAfter: status == 503}
	}
	refused := func(at time.Duration, action Action, code string) Act {
		a := act(at, action, 0, 409)
		a.Code = code
		return a
	}
	lost, again := act(1, Vote, 0, 0), refused(3, Vote, "already_voted")
	for name, c := range map[string]struct {
		acts          []Act
		stands, later int8
		violations    int
	}{
		"it came":             {[]Act{act(1, Vote, 0, 503)}, 0, 0, 0},
		"it did not":          {[]Act{act(1, Vote, 0, 503)}, Nothing, Nothing, 0},
		"it comes long after": {[]Act{lost}, Nothing, 0, 0},
		"the retry found it":  {[]Act{lost, again}, 0, 0, 0},
		"the retry lost it":   {[]Act{lost, again}, Nothing, Nothing, 1},
		"the retry counted":   {[]Act{act(1, Vote, 7, 0), act(3, Vote, 7, 204)}, 0, 0, 0},
		"an undo may be late": {
			[]Act{act(1, Unskip, 0, 0), act(3, Skip, 0, 204)}, Nothing, Nothing, 0,
		},
		"an undo was in time": {
			[]Act{act(1, Unskip, 0, 204), act(3, Skip, 0, 204)}, Nothing, Nothing, 2,
		},
		"a durable one is late": {[]Act{act(1, Skip, 0, 202)}, Nothing, Skipped, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := &FeedHistory{Quota: 9, Days: 1, Acts: c.acts}
			of := func(option int8) FeedEnd {
				e := FeedEnd{Polls: []FeedPoll{{}}}
				if option != Nothing {
					e.Rows = []FeedRow{{0, 0, option}}
				}
				e.remake()
				return e
			}
			h.End, h.Later = of(c.stands), of(c.later)
			require.Len(t, Feed(h).Violations, c.violations, "%v", Feed(h).Violations)
		})
	}
}

package check

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	feedPolls, feedOptions = 40, 3
	members, membersQuota  = 8, 6
)

// ledger makes histories of the feed that keep every promise.
type ledger struct {
	*FeedHistory
	rng    *rand.Rand
	now    time.Duration
	number int32 // the last key
	stand  map[key]int8
	keys   map[int32]bool  // that had their effect
	used   map[int32]int   // by account
	again  map[int32][]Act // of an account: what it sends once more
}

// goodFeed makes a history of accounts whose devices answer, skip, undo and try again at once.
func goodFeed(seed uint64) *FeedHistory {
	l := &ledger{
		FeedHistory: &FeedHistory{Quota: membersQuota, Days: 1},
		rng:         rand.New(rand.NewPCG(seed, 3)), stand: map[key]int8{},
		keys: map[int32]bool{}, used: map[int32]int{}, again: map[int32][]Act{},
	}
	for range 600 {
		l.act()
		if l.rng.IntN(8) == 0 {
			l.read(int32(l.rng.IntN(members)))
		}
	}
	l.End, l.Later = l.store(), l.store()
	return l.FeedHistory
}

// act has an account do something, or the same once more. What overlaps is another device's.
func (l *ledger) act() {
	l.now += time.Duration(1+l.rng.IntN(10)) * time.Millisecond
	a := Act{
		Account: int32(l.rng.IntN(members)), Poll: int32(l.rng.IntN(feedPolls)),
		Action: []Action{Vote, Vote, Vote, Skip, Skip, Unskip, Change, Withdraw}[l.rng.IntN(8)],
	}
	if a.Action == Vote || a.Action == Change {
		a.Option = int8(l.rng.IntN(feedOptions))
	}
	if l.rng.IntN(2) == 0 {
		l.number++
		a.Key = l.number
	}
	if known := l.again[a.Account]; len(known) > 0 && l.rng.IntN(4) == 0 {
		a = known[l.rng.IntN(len(known))]
	}
	if a.Action == Vote && l.rng.IntN(30) == 0 {
		a.Option, a.Wrong = feedOptions, true
	}
	a.Sent = l.now - time.Duration(l.rng.IntN(20))*time.Millisecond
	a.Done = l.now + time.Duration(1+l.rng.IntN(20))*time.Millisecond
	switch lost := l.rng.IntN(12); {
	case lost == 0: // it never comes
		a.Status = 0
	case a.Wrong:
		a.Status = 400
	default:
		a.Status, a.Code = l.decide(&a)
		switch lost {
		case 1:
			a.Status, a.Code = 503, ""
		case 2:
			a.Status, a.Code = 202, ""
		}
	}
	a.RetryAfter = a.Status == 503 || a.Status == 429
	l.Acts = append(l.Acts, a)
	if a.Key != 0 && !a.Wrong {
		l.again[a.Account] = append(l.again[a.Account], a)
	}
}

// decide is the product's rule, once more.
func (l *ledger) decide(a *Act) (status uint16, code string) {
	k := key{a.Poll, a.Account}
	old, ok := l.stand[k]
	voted, skipped := ok && old >= 0, ok && old == Skipped
	switch {
	case a.Key != 0 && l.keys[a.Key]:
		return 204, ""
	case voted && (a.Action == Vote || a.Action == Skip || a.Action == Unskip):
		return 409, "already_voted"
	case skipped && a.Action != Unskip:
		return 409, "already_skipped"
	case !voted && (a.Action == Change || a.Action == Withdraw):
		return 409, "not_voted"
	case a.Action == Vote && l.used[a.Account] == l.Quota:
		return 429, "quota_spent"
	case a.Action == Vote:
		l.used[a.Account]++
		l.stand[k] = a.Option
	case a.Action == Change:
		l.stand[k] = a.Option
	case a.Action == Skip:
		l.stand[k] = Skipped
	default:
		delete(l.stand, k)
	}
	l.keys[a.Key] = a.Key != 0
	return 204, ""
}

func (l *ledger) read(account int32) {
	p := Page{
		Sent: l.now - time.Millisecond, Done: l.now + time.Millisecond, Account: account,
		Limit: l.Quota, Remaining: l.Quota - l.used[account],
	}
	for poll := range int32(feedPolls) {
		if _, ok := l.stand[key{poll, account}]; !ok {
			p.Polls = append(p.Polls, poll)
		}
	}
	l.Pages = append(l.Pages, p)
}

// store gives what the store holds.
func (l *ledger) store() (e FeedEnd) {
	for k, option := range l.stand {
		e.Rows = append(e.Rows, FeedRow{k.voter, k.poll, option})
	}
	slices.SortFunc(e.Rows, func(a, b FeedRow) int {
		return key{a.Poll, a.Account}.compare(key{b.Poll, b.Account})
	})
	for poll := range int32(feedPolls) {
		e.Polls = append(e.Polls, FeedPoll{Poll: poll})
	}
	e.remake()
	return e
}

// remake makes tallies, and what replicas say of them, fit the rows.
func (e *FeedEnd) remake() {
	for i := range e.Polls {
		p := &e.Polls[i]
		p.FeedTally, p.Told = FeedTally{Votes: make([]int64, feedOptions)}, nil
		for _, row := range e.Rows {
			switch {
			case row.Poll != p.Poll:
			case row.Option == Skipped:
				p.Skips++
			default:
				p.Votes[row.Option]++
			}
		}
		for replica := range int32(2) {
			tally := FeedTally{slices.Clone(p.Votes), p.Skips}
			p.Told = append(p.Told, FeedTold{replica, tally, sum(p.Votes)})
		}
	}
}

package feedtest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/feed"
)

var rules = feed.Rules{DailyVotes: 100}

func item(p feed.Poll, who uuid.UUID, does feed.Action) feed.Item {
	return feed.Item{
		ID: commit.NewID(), Account: who, PollID: p.ID, Action: does, At: now.UnixMilli(),
	}
}

func vote(p feed.Poll, who uuid.UUID, option int) feed.Item {
	i := item(p, who, feed.Vote)
	i.Option = option
	return i
}

func change(p feed.Poll, who uuid.UUID, option int) feed.Item {
	i := item(p, who, feed.Change)
	i.Option = option
	return i
}

// after gives the item as it is some time later.
func after(d time.Duration, i feed.Item) feed.Item {
	i.At += d.Milliseconds()
	return i
}

func batch(items ...feed.Item) feed.Batch {
	return feed.Batch{ID: commit.NewID(), Partition: 3, Items: items}
}

func count(t testing.TB, store feed.Store, by feed.Rules, batches ...feed.Batch) feed.Outcome {
	t.Helper()
	o, err := store.Count(t.Context(), by, []int{3}, batches)
	require.NoError(t, err)
	return o
}

// one counts an item alone, and requires its verdict.
func one(t testing.TB, store feed.Store, want feed.Verdict, i feed.Item) {
	t.Helper()
	oneBy(t, store, rules, want, i)
}

func oneBy(t testing.TB, store feed.Store, by feed.Rules, want feed.Verdict, i feed.Item) {
	t.Helper()
	o := count(t, store, by, batch(i))
	require.Len(t, o.Results[0], 1)
	require.Equal(t, want, o.Results[0][0].Verdict)
}

func tally(skips int64, votes ...int64) feed.Tally { return feed.Tally{Votes: votes, Skips: skips} }

func requireRecounted(t testing.TB, store feed.Store, id uuid.UUID, want feed.Tally) {
	t.Helper()
	require.Equal(t, want, read(t, store, id).Tally)
	kept, answers, err := store.Recount(t.Context(), id, false)
	require.NoError(t, err)
	require.Equal(t, want, kept.Tally)
	require.Equal(t, want, answers.Tally)
	require.Equal(t, kept, answers)
}

func (s Suite) verdicts(t *testing.T) {
	store := s.Open(t)
	who, other := account(1), account(2)
	p := created(t, store, nil)
	o := count(t, store, rules, batch(vote(p, who, 2)))
	require.Equal(t, [][]feed.Result{{{Verdict: feed.Done}}}, o.Results)
	require.Equal(t, []bus.Change{{Thing: p.ID, Part: p.ID, Revision: 1}}, o.Changed)
	answers, err := store.Answers(t.Context(), who, []uuid.UUID{p.ID, uuid.New()})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]feed.Answer{p.ID: {
		Key: feed.Key{Account: who, PollID: p.ID}, Option: 2, At: now.UnixMilli(),
	}}, answers)
	one(t, store, feed.VotedBefore, vote(p, who, 1))
	one(t, store, feed.VotedBefore, item(p, who, feed.Skip))
	one(t, store, feed.VotedBefore, item(p, who, feed.Unskip))
	requireRecounted(t, store, p.ID, tally(0, 0, 0, 1))
	one(t, store, feed.Done, item(p, other, feed.Skip))
	one(t, store, feed.SkippedBefore, vote(p, other, 1))
	one(t, store, feed.SkippedBefore, item(p, other, feed.Skip))
	requireRecounted(t, store, p.ID, tally(1, 0, 0, 1))
	one(t, store, feed.NoOption, vote(p, account(3), 3))
	one(t, store, feed.PollGone, vote(newPoll(t, nil), who, 1))
	for range 2 { // the second one has nothing to take back
		one(t, store, feed.Done, item(p, other, feed.Unskip))
		requireRecounted(t, store, p.ID, tally(0, 0, 0, 1))
	}
	one(t, store, feed.Done, vote(p, other, 0))
	requireRecounted(t, store, p.ID, tally(0, 1, 0, 1))

	t.Run("all in one transaction, in the log's order", func(t *testing.T) {
		p := created(t, store, nil)
		o := count(t, store, rules,
			batch(item(p, who, feed.Skip), vote(p, who, 1), item(p, who, feed.Unskip)),
			batch(vote(p, who, 1), vote(p, who, 2), vote(p, other, 0)))
		require.Equal(t, [][]feed.Result{
			{{Verdict: feed.Done}, {Verdict: feed.SkippedBefore}, {Verdict: feed.Done}},
			{{Verdict: feed.Done}, {Verdict: feed.VotedBefore}, {Verdict: feed.Done}},
		}, o.Results)
		require.Len(t, o.Changed, 1)
		requireRecounted(t, store, p.ID, tally(0, 1, 1, 0))
	})
	t.Run("a poll that was closed by hand", func(t *testing.T) {
		p := created(t, store, nil)
		one(t, store, feed.Done, item(p, who, feed.Skip))
		require.NoError(t, store.Close(t.Context(), p.ID))
		one(t, store, feed.PollClosed, vote(p, other, 1))
		one(t, store, feed.PollClosed, item(p, other, feed.Skip))
		one(t, store, feed.Done, item(p, who, feed.Unskip))
		requireRecounted(t, store, p.ID, tally(0, 0, 0, 0))
	})
	t.Run("a poll is closed from its time on, by the time of the item", func(t *testing.T) {
		p := created(t, store, func(p *feed.Poll) { p.ClosesAt = now })
		one(t, store, feed.PollClosed, vote(p, who, 1))
		one(t, store, feed.PollClosed, after(time.Hour, vote(p, who, 1)))
		one(t, store, feed.Done, after(-time.Millisecond, vote(p, who, 1)))
	})
	t.Run("as many options as there may be", func(t *testing.T) {
		p := created(t, store, func(p *feed.Poll) {
			p.Options = nil
			for i := range feed.MaxOptions {
				p.Options = append(p.Options, string(rune('a'+i)))
			}
		})
		want := feed.Tally{Votes: make([]int64, feed.MaxOptions)}
		for i := range feed.MaxOptions {
			one(t, store, feed.Done, vote(p, account(byte(10+i)), i))
			want.Votes[i] = 1
		}
		requireRecounted(t, store, p.ID, want)
	})
}

func (s Suite) undo(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	hour := feed.Rules{DailyVotes: 2, Undo: time.Hour}
	p := created(t, store, nil)
	oneBy(t, store, hour, feed.NoVote, change(p, who, 1))
	oneBy(t, store, hour, feed.Done, vote(p, who, 1))
	oneBy(t, store, rules, feed.TooLate, change(p, who, 2))
	oneBy(t, store, rules, feed.TooLate, after(-time.Second, item(p, who, feed.Withdraw)))
	oneBy(t, store, hour, feed.NoOption, change(p, who, 3))
	oneBy(t, store, hour, feed.Done, after(time.Hour-time.Millisecond, change(p, who, 2)))
	requireRecounted(t, store, p.ID, tally(0, 0, 0, 1))
	oneBy(t, store, hour, feed.TooLate, after(time.Hour, change(p, who, 0)))
	oneBy(t, store, hour, feed.TooLate, after(time.Hour, item(p, who, feed.Withdraw)))
	revision := read(t, store, p.ID).Revision
	oneBy(t, store, hour, feed.Done, change(p, who, 2))
	require.Equal(t, revision, read(t, store, p.ID).Revision, "the same again changes nothing")
	oneBy(t, store, hour, feed.Done, item(p, who, feed.Withdraw))
	requireRecounted(t, store, p.ID, tally(0, 0, 0, 0))
	oneBy(t, store, hour, feed.NoVote, item(p, who, feed.Withdraw))
	oneBy(t, store, hour, feed.Done, vote(p, who, 0))
	oneBy(t, store, hour, feed.QuotaSpent, vote(created(t, store, nil), who, 0))
	requireRecounted(t, store, p.ID, tally(0, 1, 0, 0))
	t.Run("a skip is no vote", func(t *testing.T) {
		p := created(t, store, nil)
		oneBy(t, store, hour, feed.Done, item(p, account(2), feed.Skip))
		oneBy(t, store, hour, feed.SkippedBefore, change(p, account(2), 1))
		oneBy(t, store, hour, feed.SkippedBefore, item(p, account(2), feed.Withdraw))
	})
	t.Run("a closed poll stays as it is", func(t *testing.T) {
		p := created(t, store, nil)
		oneBy(t, store, hour, feed.Done, vote(p, account(3), 1))
		require.NoError(t, store.Close(t.Context(), p.ID))
		oneBy(t, store, hour, feed.PollClosed, change(p, account(3), 0))
		oneBy(t, store, hour, feed.PollClosed, item(p, account(3), feed.Withdraw))
		requireRecounted(t, store, p.ID, tally(0, 0, 1, 0))
	})
	t.Run("what was put back into the log takes back nothing", func(t *testing.T) {
		p := created(t, store, nil)
		oneBy(t, store, hour, feed.Done, vote(p, account(4), 1))
		oneBy(t, store, hour, feed.Done, item(p, account(5), feed.Skip))
		b := batch(item(p, account(4), feed.Withdraw), item(p, account(5), feed.Unskip),
			vote(p, account(6), 0))
		b.Replayed = true
		count(t, store, hour, b)
		requireRecounted(t, store, p.ID, tally(1, 1, 1, 0))
	})
}

func (s Suite) quota(t *testing.T) {
	store := s.Open(t)
	day := now.Unix() / 86400
	t.Run("99 of 153 votes at once are counted where one was before", func(t *testing.T) {
		who := account(1)
		polls := make([]feed.Poll, 154)
		for i := range polls {
			polls[i] = created(t, store, nil)
		}
		one(t, store, feed.Done, vote(polls[153], who, 1))
		var all sync.WaitGroup
		var mu sync.Mutex
		got := map[feed.Result]int{}
		for i := range 153 {
			all.Go(func() {
				o, err := store.Count(t.Context(), rules, []int{3},
					[]feed.Batch{batch(vote(polls[i], who, 1))})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				got[o.Results[0][0]]++
			})
		}
		all.Wait()
		require.Equal(t, map[feed.Result]int{
			{Verdict: feed.Done}: 99, {Verdict: feed.QuotaSpent, Day: day}: 54,
		}, got)
		m, err := store.Member(t.Context(), who)
		require.NoError(t, err)
		require.Equal(t, feed.Quota{
			Limit: 100, ResetsAt: now.Add(12 * time.Hour),
		}, rules.Quota(m, now))
		total := int64(0)
		for _, p := range polls {
			total += read(t, store, p.ID).Total()
		}
		require.EqualValues(t, 100, total)
		one(t, store, feed.Done, item(polls[0], account(2), feed.Skip))
	})
	t.Run("a day follows the log, and never goes back", func(t *testing.T) {
		who, two := account(3), feed.Rules{DailyVotes: 2}
		next := func(want feed.Verdict, later time.Duration) {
			oneBy(t, store, two, want, after(later, vote(created(t, store, nil), who, 0)))
		}
		next(feed.Done, 0)
		next(feed.Done, 12*time.Hour-time.Millisecond)
		next(feed.QuotaSpent, 12*time.Hour-time.Millisecond)
		next(feed.Done, 12*time.Hour)
		next(feed.Done, 0) // a clock that is behind
		next(feed.QuotaSpent, 0)
		next(feed.Done, 240*time.Hour)
	})
	t.Run("without a bound there is none", func(t *testing.T) {
		var items []feed.Item
		for range 150 {
			items = append(items, vote(created(t, store, nil), account(4), 0))
		}
		for _, r := range count(t, store, feed.Rules{}, batch(items...)).Results[0] {
			require.Equal(t, feed.Done, r.Verdict)
		}
	})
	t.Run("a skip costs nothing", func(t *testing.T) {
		for range 3 {
			p := created(t, store, nil)
			oneBy(t, store, feed.Rules{DailyVotes: 1}, feed.Done, item(p, account(5), feed.Skip))
		}
	})
}

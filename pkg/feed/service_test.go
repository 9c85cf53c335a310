package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/feed/feedlite"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/work"
)

const partitions = 3

// square is a service over a log in memory and a store in a file, with a worker.
type square struct {
	*feed.Service
	spine commit.Spine
	// work begins to count.
	work func()
}

func open(t *testing.T, rules feed.Rules) *square {
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), partitions))
	log, err := inproc.Open(inproc.Config{Streams: []string{feed.Stream}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream(feed.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	store := feedlite.New(db)
	s := &square{spine: commit.Spine{
		Log: stream, Bus: announced, Logger: quiet, Partitions: partitions, Spread: partitions,
		MaxWaiting: 200,
	}}
	s.Service = feed.NewService(store, rules, s.spine)
	require.NoError(t, s.Start())
	worker := work.New(work.Config{
		Stream: stream, Partitions: partitions, IDs: db, Bus: announced, Logger: quiet,
		Applier: feed.NewApplier(store, rules, quiet),
	})
	working, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.work = sync.OnceFunc(func() { running.Go(func() { worker.Run(working) }) })
	t.Cleanup(func() {
		require.NoError(t, s.Stop(context.Background()))
		stop()
		running.Wait()
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return s
}

var author = uuid.UUID{15: 200}

func account(n byte) uuid.UUID { return uuid.UUID{0: 0xaa, 15: n} }

func (s *square) made(t testing.TB) feed.Poll {
	p, err := s.Create(t.Context(), feed.Poll{
		Author: author, Title: "Tabs or spaces?", Options: []string{"Tabs", "Spaces"},
		Tags: []string{"Code"},
	})
	require.NoError(t, err)
	return p
}

// does has an account act, and gives why it may not.
func (s *square) does(t testing.TB, b feed.Ballot) fault.Code {
	applied, err := s.Act(t.Context(), b, usual)
	require.Equal(t, err == nil, applied)
	return fault.CodeOf(err)
}

func (s *square) tally(t testing.TB, id uuid.UUID) feed.Tally {
	found, err := s.Store.Polls(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	return found[id].Tally
}

var (
	usual = commit.Wait{For: commit.Deadline}
	done  = fault.Code{}
)

func TestAnAnswerThatIsAppliedIsCounted(t *testing.T) {
	s := open(t, feed.Rules{DailyVotes: 100})
	s.work()
	p := s.made(t)
	require.Equal(t, done, s.does(t, feed.Ballot{
		Account: account(1), PollID: p.ID, Action: feed.Vote, Option: 1,
	}))
	require.Equal(t, done, s.does(t, feed.Ballot{
		Account: account(2), PollID: p.ID, Action: feed.Skip, Option: 7, // of which a skip has none
	}))
	require.Equal(t, feed.Tally{Votes: []int64{0, 1}, Skips: 1}, s.tally(t, p.ID))
	q, err := s.Quota(t.Context(), account(1))
	require.NoError(t, err)
	require.Equal(t, 99, q.Remaining)
	hours, err := s.Store.History(t.Context(), p.ID, feed.MaxHours)
	require.NoError(t, err)
	require.Len(t, hours, 1)
	require.WithinDuration(t, time.Now(), hours[0].Time(), 61*time.Minute)
}

func TestWhoMayNotAnswerIsToldWhy(t *testing.T) {
	s := open(t, feed.Rules{DailyVotes: 2})
	s.work()
	open, voted, skipped, closed, deleted := s.made(t), s.made(t), s.made(t), s.made(t), s.made(t)
	who := account(1)
	act := func(p feed.Poll, does feed.Action) fault.Code {
		return s.does(t, feed.Ballot{Account: who, PollID: p.ID, Action: does})
	}
	require.Equal(t, done, act(voted, feed.Vote))
	require.Equal(t, done, act(skipped, feed.Skip))
	require.NoError(t, s.Close(t.Context(), closed.ID))
	require.NoError(t, s.Delete(t.Context(), deleted.ID))
	require.Equal(t, feed.Voted, act(voted, feed.Vote))
	require.Equal(t, feed.Voted, act(voted, feed.Skip))
	require.Equal(t, feed.Skipped, act(skipped, feed.Vote))
	require.Equal(t, feed.Closed, act(closed, feed.Vote))
	require.Equal(t, fault.NotFound, act(deleted, feed.Vote))
	require.Equal(t, fault.NotFound, act(feed.Poll{ID: uuid.New()}, feed.Vote))
	require.Equal(t, feed.Final, act(voted, feed.Change))
	require.Equal(t, feed.Final, act(voted, feed.Withdraw))
	require.Equal(t, feed.NotVoted, act(open, feed.Change))
	require.Equal(t, done, act(open, feed.Unskip))
	for _, option := range []int{-1, 2, 1 << 40, -1 << 63} {
		b := feed.Ballot{Account: who, PollID: open.ID, Action: feed.Vote, Option: option}
		_, err := s.Act(t.Context(), b, usual)
		var wrong *fault.Error
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, fault.Invalid, wrong.Code)
		require.Equal(t, "option_index", wrong.Field)
	}
	require.Equal(t, done, act(open, feed.Vote))
	b := feed.Ballot{Account: who, PollID: s.made(t).ID, Action: feed.Vote}
	_, err := s.Act(t.Context(), b, usual)
	var spent *fault.Error
	require.ErrorAs(t, err, &spent)
	require.Equal(t, feed.Spent, spent.Code)
	require.Positive(t, spent.Wait)
	require.LessOrEqual(t, spent.Wait, 24*time.Hour)
	b.Action = feed.Skip
	require.Equal(t, done, s.does(t, b), "a skip costs nothing")
}

func TestAVoteIsChangedAndWithdrawnForAsLongAsTheRulesSay(t *testing.T) {
	s := open(t, feed.Rules{Undo: time.Hour})
	s.work()
	b := feed.Ballot{Account: account(1), PollID: s.made(t).ID, Action: feed.Vote}
	require.Equal(t, done, s.does(t, b))
	b.Action, b.Option = feed.Change, 1
	require.Equal(t, done, s.does(t, b))
	require.Equal(t, []int64{0, 1}, s.tally(t, b.PollID).Votes)
	b.Action = feed.Withdraw
	require.Equal(t, done, s.does(t, b))
	require.Equal(t, []int64{0, 0}, s.tally(t, b.PollID).Votes)
	b.Action = feed.Vote
	require.Equal(t, done, s.does(t, b))
}

func TestARetryWithAKeyGetsTheFirstAnswerAgain(t *testing.T) {
	s := open(t, feed.Rules{DailyVotes: 1})
	s.work()
	p, key := s.made(t), uuid.New()
	b := feed.Ballot{Account: account(1), PollID: p.ID, Action: feed.Vote, Option: 1, Key: key}
	for range 3 {
		require.Equal(t, done, s.does(t, b))
	}
	another := b
	another.Option = 0
	require.Equal(t, feed.Voted, s.does(t, another), "it is another request")
	another = b
	another.Key = uuid.Nil
	require.Equal(t, feed.Voted, s.does(t, another))
	another = b
	another.Account = account(2)
	require.Equal(t, done, s.does(t, another), "two people may draw one key")
	require.NoError(t, s.Close(t.Context(), p.ID))
	require.Equal(t, done, s.does(t, b))
	require.Equal(t, feed.Tally{Votes: []int64{0, 2}}, s.tally(t, p.ID))
}

func TestVotesOfOneAccountAtOnceAreCountedUpToItsQuota(t *testing.T) {
	s := open(t, feed.Rules{DailyVotes: 10})
	s.work()
	vote := func(id uuid.UUID) (code fault.Code) {
		b := feed.Ballot{Account: account(1), PollID: id, Action: feed.Vote, Key: uuid.New()}
		for code = fault.Unavailable; code == fault.Unavailable; { // a slow machine's
			_, err := s.Act(t.Context(), b, usual)
			code = fault.CodeOf(err)
		}
		return code
	}
	require.Equal(t, done, vote(s.made(t).ID))
	got := make(chan fault.Code)
	for range 25 {
		id := s.made(t).ID
		go func() { got <- vote(id) }()
	}
	counts := map[fault.Code]int{}
	for range 25 {
		counts[<-got]++
	}
	require.Equal(t, map[fault.Code]int{done: 9, feed.Spent: 16}, counts)
	q, err := s.Quota(t.Context(), account(1))
	require.NoError(t, err)
	require.Zero(t, q.Remaining)
}

func TestAnAnswerWaitsForWhoCounts(t *testing.T) {
	s := open(t, feed.Rules{})
	p := s.made(t)
	b := feed.Ballot{Account: account(1), PollID: p.ID, Action: feed.Vote}
	answered := make(chan error, 1)
	go func() {
		_, err := s.Act(t.Context(), b, usual)
		answered <- err
	}()
	require.Zero(t, s.tally(t, p.ID).Total())
	s.work()
	require.NoError(t, <-answered)
	require.Equal(t, []int64{1, 0}, s.tally(t, p.ID).Votes)
}

func TestAnAccountsItemsTravelInOnePartitionForEver(t *testing.T) {
	s := open(t, feed.Rules{})
	s.work()
	who := account(1)
	for _, at := range []int{0, 1, 2} { // the one of queue.Partition, and others
		if at != queue.Partition(who, partitions) {
			_, err := s.Store.Join(t.Context(), who, at)
			require.NoError(t, err)
			break
		}
	}
	before, err := s.Store.Member(t.Context(), who)
	require.NoError(t, err)
	b := feed.Ballot{Account: who, PollID: s.made(t).ID, Action: feed.Vote}
	require.Equal(t, done, s.does(t, b))
	after, err := s.Store.Member(t.Context(), who)
	require.NoError(t, err)
	require.Equal(t, before.Partition, after.Partition)
	require.NotEqual(t, queue.Partition(who, partitions), after.Partition)
}

func TestWhatAnAuthorDoesIsSeenAtOnceAndAnnounced(t *testing.T) {
	s := open(t, feed.Rules{})
	heard := s.spine.Bus.Subscribe(t.Context())
	p := s.made(t)
	require.Equal(t, bus.Change{Thing: feed.Feed, Part: p.ID}, <-heard)
	for _, c := range []struct {
		act  func(context.Context, uuid.UUID) error
		sees func(feed.Poll, error)
	}{
		{s.Close, func(p feed.Poll, err error) {
			require.NoError(t, err)
			require.True(t, p.Closed)
		}},
		{s.Delete, func(_ feed.Poll, err error) {
			require.Equal(t, fault.NotFound, fault.CodeOf(err))
		}},
	} {
		_, err := s.Poll(t.Context(), p.ID) // it is known from now on
		require.NoError(t, err)
		require.NoError(t, c.act(t.Context(), p.ID))
		c.sees(s.Poll(t.Context(), p.ID))
		require.Equal(t, bus.Change{Thing: p.ID}, <-heard)
		require.Equal(t, bus.Change{Thing: feed.Feed, Part: p.ID}, <-heard)
	}
	require.Equal(t, fault.NotFound, fault.CodeOf(s.Close(t.Context(), p.ID)))
	require.Equal(t, fault.NotFound, fault.CodeOf(s.Delete(t.Context(), p.ID)))
	_, err := s.Create(t.Context(), feed.Poll{Title: "?"})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Empty(t, heard, "what did not happen is not announced")
}

func TestAReplicaThatHeardOfAChangeShowsIt(t *testing.T) {
	s := open(t, feed.Rules{})
	p := s.made(t)
	_, err := s.Poll(t.Context(), p.ID)
	require.NoError(t, err)
	require.NoError(t, s.Store.Close(t.Context(), p.ID)) // another replica's
	s.Heard(bus.Change{Thing: p.ID})
	now, err := s.Poll(t.Context(), p.ID)
	require.NoError(t, err)
	require.True(t, now.Closed)
}

func TestAPageHasWhatAnAccountHasNotAnsweredAndItsQuota(t *testing.T) {
	s := open(t, feed.Rules{DailyVotes: 5})
	s.work()
	var ids []uuid.UUID
	for range 5 {
		ids = append([]uuid.UUID{s.made(t).ID}, ids...)
		time.Sleep(2 * time.Millisecond) // ids of one millisecond have no order
	}
	vote := feed.Ballot{Account: account(1), PollID: ids[1], Action: feed.Vote}
	require.Equal(t, done, s.does(t, vote))
	require.NoError(t, s.Delete(t.Context(), ids[3]))
	for _, look := range []feed.Look{{}, {Tag: " CODE "}, {Search: "ABS O"}, {Search: "ab"}} {
		var got []uuid.UUID
		look.Account, look.Limit = account(1), 2
		for {
			page, err := s.Page(t.Context(), look)
			require.NoError(t, err)
			require.Equal(t, 5, page.Quota.Limit)
			require.Equal(t, 4, page.Quota.Remaining)
			for _, p := range page.Polls {
				got = append(got, p.ID)
			}
			if look.Before = page.Next; page.Next == uuid.Nil {
				break
			}
		}
		require.Equal(t, []uuid.UUID{ids[0], ids[2], ids[4]}, got, "%+v", look)
	}
	page, err := s.Page(t.Context(), feed.Look{Account: account(1), Tag: "nobody's", Limit: 2})
	require.NoError(t, err)
	require.NotNil(t, page.Polls)
	require.Empty(t, page.Polls)
	for field, look := range map[string]feed.Look{
		"tag": {Tag: "a\x00"}, "search": {Search: "\xff"},
	} {
		_, err := s.Page(t.Context(), look)
		var wrong *fault.Error
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, fault.Invalid, wrong.Code)
		require.Equal(t, field, wrong.Field)
	}
}

func TestTagsOfTheNewestPollsAreTold(t *testing.T) {
	s := open(t, feed.Rules{})
	for range 2 {
		s.made(t)
	}
	tags, err := s.Tags(t.Context())
	require.NoError(t, err)
	require.Equal(t, []feed.TagCount{{Tag: "code", Polls: 2}}, tags)
	found, err := s.Several(t.Context(), []uuid.UUID{uuid.New()})
	require.NoError(t, err)
	require.Empty(t, found)
	require.Zero(t, s.Waiting())
}

func TestTheApplierTakesApartWhatItIsGiven(t *testing.T) {
	s := open(t, feed.Rules{})
	a := feed.NewApplier(s.Store, feed.Rules{}, slog.New(slog.DiscardHandler))
	var items []feed.Item
	for i := range 5 {
		items = append(items, feed.Item{
			ID: commit.NewID(), PollID: uuid.New(), Account: uuid.New(), Action: feed.Action(1 + i),
			Keyed: i == 2, At: int64(i),
		})
	}
	kind, body, err := feed.EncodeItems(nil, items)
	require.NoError(t, err)
	e := queue.Entry{ID: commit.NewID(), Type: kind, Body: body, Replayed: true}
	require.Equal(t, 5, a.Size(e))
	require.Equal(t, make([]byte, 5), a.Unknown(e))
	require.Equal(t, "votes and skips: 5", a.Describe(e))
	first, second, ok := a.Halve(e)
	require.True(t, ok)
	require.True(t, first.Replayed && second.Replayed)
	left, err := feed.DecodeItems(first)
	require.NoError(t, err)
	right, err := feed.DecodeItems(second)
	require.NoError(t, err)
	require.Equal(t, items, append(left, right...))
	bad := queue.Entry{ID: commit.NewID(), Type: 9, Body: []byte("?")}
	_, _, ok = a.Halve(bad)
	require.False(t, ok)
	require.Equal(t, "unreadable", a.Describe(bad))
	_, err = a.Apply(t.Context(), []work.Partitioned{{Entry: bad}})
	require.ErrorIs(t, err, queue.ErrMalformed)
}

// few gives a recount few polls at a time, and says that these were many.
type few struct{ feed.Store }

func (f few) Differing(
	ctx context.Context, after uuid.UUID, limit int,
) (n int, last uuid.UUID, differing []uuid.UUID, err error) {
	n, last, differing, err = f.Store.Differing(ctx, after, 2)
	if n == 2 {
		n = limit
	}
	return n, last, differing, err
}

func TestARecountComparesEveryPoll(t *testing.T) {
	s := open(t, feed.Rules{})
	for range 5 {
		s.made(t)
	}
	for store, want := range map[feed.Store]int{s.Store: 5, few{s.Store}: 2*feed.MaxAtOnce + 1} {
		n, err := feed.NewRecounter(store).Recount(t.Context(), true, func(d work.Difference) {
			t.Errorf("%v", d)
		})
		require.NoError(t, err)
		require.Equal(t, want, n, fmt.Sprintf("%T", store))
	}
}

package feedtest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

// hour gives the hour of a time that is so long after now.
func hour(after time.Duration, votes int64) feed.Hour {
	return feed.Hour{At: now.Add(after).Truncate(time.Hour).UnixMilli(), Votes: votes}
}

func (s Suite) voted(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	polls := rising(t, store, 15, nil)
	for i, p := range polls {
		switch i % 3 {
		case 0:
			one(t, store, feed.Done, vote(p, who, i%2))
		case 1:
			one(t, store, feed.Done, item(p, who, feed.Skip))
		}
	}
	want := newest(polls, func(i int) bool { return i%3 == 0 })
	for limit := 1; limit <= 6; limit++ {
		var got []uuid.UUID
		for before := uuid.Nil; ; {
			votes, rest, err := store.Voted(t.Context(), who, before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(votes), limit)
			for _, v := range votes {
				require.Equal(t, who, v.Account)
				require.Equal(t, now, v.Time())
				got = append(got, v.PollID)
			}
			if before = rest; rest == uuid.Nil {
				break
			}
		}
		require.Equal(t, want, got, "%d at a time", limit)
	}
	votes, _, err := store.Voted(t.Context(), account(2), uuid.Nil, 5)
	require.NoError(t, err)
	require.Empty(t, votes)
}

func (s Suite) history(t *testing.T) {
	store := s.Open(t)
	by := feed.Rules{Undo: 1 << 60}
	p, other := created(t, store, nil), created(t, store, nil)
	require.Empty(t, history(t, store, p.ID, 9))
	for i, at := range []time.Duration{
		0, time.Hour - time.Millisecond, time.Hour, -time.Millisecond,
		50 * time.Hour, 50 * time.Hour,
	} {
		oneBy(t, store, by, feed.Done, after(at, vote(p, account(byte(i)), 1)))
		oneBy(t, store, by, feed.Done, after(at, item(p, account(byte(10+i)), feed.Skip)))
	}
	oneBy(t, store, by, feed.Done, vote(other, account(1), 0))
	all := []feed.Hour{hour(-1, 1), hour(0, 2), hour(time.Hour, 1), hour(50*time.Hour, 2)}
	for limit := 1; limit <= 5; limit++ {
		require.Equal(t, all[max(0, 4-limit):], history(t, store, p.ID, limit))
	}
	require.Equal(t, now, all[1].Time())

	oneBy(t, store, by, feed.Done, after(time.Hour, change(p, account(0), 2)))
	oneBy(t, store, by, feed.Done, after(time.Hour, item(p, account(1), feed.Withdraw)))
	oneBy(t, store, by, feed.Done, item(p, account(2), feed.Withdraw))
	all = []feed.Hour{hour(-1, 1), hour(0, 1), hour(50*time.Hour, 2)}
	require.Equal(t, all, history(t, store, p.ID, 9), "a vote is of the hour in which it was given")
	requireRecounted(t, store, p.ID, tally(6, 0, 3, 1))
	require.NoError(t, store.Close(t.Context(), p.ID))
	require.Equal(t, all, history(t, store, p.ID, 9))
	require.NoError(t, store.Delete(t.Context(), p.ID))
	require.Empty(t, history(t, store, p.ID, 9))
	require.Equal(t, []feed.Hour{hour(0, 1)}, history(t, store, other.ID, 9))
}

func history(t testing.TB, store feed.Store, id uuid.UUID, limit int) []feed.Hour {
	t.Helper()
	all, err := store.History(t.Context(), id, limit)
	require.NoError(t, err)
	return all
}

func (s Suite) keeping(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	month := feed.MonthOf(now)
	begin := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	made := func(at time.Time) feed.Poll {
		return created(t, store, func(p *feed.Poll) { p.ID = idAt(at, 1) })
	}
	last, first := made(begin.Add(-time.Millisecond)), made(begin)
	older := made(begin.AddDate(0, -2, 0))
	require.Equal(t, begin, new(first).Created())
	for range 2 { // it is there already
		require.NoError(t, store.Prepare(t.Context(), feed.MonthOf(begin.AddDate(0, -1, 0))))
		require.NoError(t, store.Prepare(t.Context(), month))
		require.NoError(t, store.Prepare(t.Context(), month.Next()))
	}
	for _, p := range []feed.Poll{older, last, first, made(begin.AddDate(0, 1, 0))} {
		one(t, store, feed.Done, vote(p, who, 1))
		one(t, store, feed.Done, item(p, account(2), feed.Skip))
		requireRecounted(t, store, p.ID, tally(1, 0, 1, 0))
	}
	require.NoError(t, store.Prepare(t.Context(), feed.MonthOf(begin.AddDate(0, -2, 0))),
		"its answers have a place already")
	one(t, store, feed.VotedBefore, vote(older, who, 1))

	for range 2 {
		require.NoError(t, store.KeepFrom(t.Context(), month))
		require.NoError(t, store.KeepFrom(t.Context(), feed.MonthOf(begin.AddDate(0, -1, 0))))
	}
	for step := range 2 { // before and after all is erased
		for _, p := range []feed.Poll{older, last} {
			now := read(t, store, p.ID)
			require.True(t, now.Closed)
			require.Equal(t, tally(1, 0, 1, 0), now.Tally, "its numbers stay")
			require.Equal(t, []feed.Hour{hour(0, 1)}, history(t, store, p.ID, 9))
			one(t, store, feed.PollClosed, vote(p, who, 1))
			one(t, store, feed.PollClosed, vote(p, account(byte(10+step)), 1))
			one(t, store, feed.PollClosed, item(p, account(2), feed.Unskip))
		}
		require.False(t, read(t, store, first.ID).Closed)
		one(t, store, feed.VotedBefore, vote(first, who, 1))
		fresh := pages(t, store, feed.Look{Account: account(3), Limit: 1})
		require.Len(t, fresh, 2)
		require.NotContains(t, fresh, last.ID)
		n, err := feed.NewRecounter(store).Recount(t.Context(), true, nil)
		require.NoError(t, err)
		require.Equal(t, 2, n, "what is not kept is not compared")
		for erased := 1; erased > 0; {
			erased, err = store.Erase(t.Context(), now, 1)
			require.NoError(t, err)
		}
	}
	answers, err := store.Answers(t.Context(), who, []uuid.UUID{older.ID, last.ID, first.ID})
	require.NoError(t, err)
	require.Len(t, answers, 1)
	require.Contains(t, answers, first.ID)
}

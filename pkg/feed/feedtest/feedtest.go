// Package feedtest is the conformance suite of the feed's store: what feed.Store promises, claim by
// claim. Every adapter passes it.
package feedtest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// Suite is what an adapter brings.
type Suite struct {
	// Open gives an empty store, which the adapter closes.
	Open func(t *testing.T) feed.Store
	// Exec runs a statement on what a store keeps, which no store does. Its one parameter, a
	// question mark, is an id.
	Exec func(t *testing.T, s feed.Store, statement string, id uuid.UUID)
}

// Run proves the port's promises.
func Run(t *testing.T, s Suite) {
	t.Run("polls", s.polls)
	t.Run("members", s.members)
	t.Run("verdicts", s.verdicts)
	t.Run("changes of a vote", s.undo)
	t.Run("quota", s.quota)
	t.Run("retries", s.retries)
	t.Run("a hot poll", s.hot)
	t.Run("a tally equals a recount whatever happens", s.property)
	t.Run("recounts", s.recounts)
	t.Run("who is gone", s.gone)
	t.Run("the feed", s.unseen)
	t.Run("tags", s.tags)
	t.Run("search", s.search)
	t.Run("votes of an account", s.voted)
	t.Run("votes by hour", s.history)
	t.Run("keeping", s.keeping)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

// now is the time of all items that say no other: in the middle of a day.
var now = time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)

func account(n byte) uuid.UUID { return uuid.UUID{0: 0xaa, 15: n} }

// newPoll gives a poll that a store can keep.
func newPoll(t testing.TB, change func(*feed.Poll)) feed.Poll {
	t.Helper()
	p := feed.Poll{
		ID: commit.NewID(), Author: account(200), Title: "Tabs or spaces?",
		Options: []string{"Tabs", "Spaces", "Both"}, Tags: []string{"code"},
	}
	if change != nil {
		change(&p)
	}
	require.NoError(t, p.Check(time.Unix(0, 0)))
	p.Votes = make([]int64, len(p.Options))
	return p
}

// created gives a poll that is stored.
func created(t testing.TB, s feed.Store, change func(*feed.Poll)) feed.Poll {
	t.Helper()
	p := newPoll(t, change)
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

// idAt gives an id of a poll that was made at a time.
func idAt(t time.Time, n byte) uuid.UUID {
	id := uuid.UUID{6: 0x70, 8: 0x80, 15: n}
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

func read(t testing.TB, s feed.Store, id uuid.UUID) feed.Poll {
	t.Helper()
	found, err := s.Polls(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Contains(t, found, id)
	return found[id]
}

func requireKind(t testing.TB, kind fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, kind), "%v is not of the kind %s", err, kind)
}

func (s Suite) polls(t *testing.T) {
	store := s.Open(t)
	all := created(t, store, func(p *feed.Poll) {
		p.Title = "Für «alle» – 日本語 🐘 'or' \"and\" {\\}"
		p.Options = []string{"a,b", "{c}", `"d"`, "NULL", "%_"}
		p.Tags = []string{"größe", "日本語", "a,b", `"q"`}
		p.ClosesAt, p.Results = now.Add(time.Hour+125*time.Millisecond), feed.AfterClose
	})
	least := created(t, store, nil)
	require.Equal(t, all, read(t, store, all.ID), "what is read is what was written")
	require.Equal(t, least, read(t, store, least.ID))
	found, err := store.Polls(t.Context(), []uuid.UUID{uuid.New(), all.ID, least.ID})
	require.NoError(t, err)
	require.Len(t, found, 2, "what is not there is missing")
	requireKind(t, fault.Conflict, store.Create(t.Context(), all))
	t.Run("what is not there", func(t *testing.T) {
		requireKind(t, fault.NotFound, store.Close(t.Context(), uuid.New()))
		requireKind(t, fault.NotFound, store.Delete(t.Context(), uuid.New()))
		_, _, err := store.Recount(t.Context(), uuid.New(), true)
		requireKind(t, fault.NotFound, err)
	})
	t.Run("an author's", func(t *testing.T) {
		author := account(201)
		var want []uuid.UUID
		for range 5 {
			p := created(t, store, func(p *feed.Poll) { p.Author = author })
			want = append([]uuid.UUID{p.ID}, want...)
			time.Sleep(2 * time.Millisecond) // ids of one millisecond have no order
		}
		for limit := 1; limit <= 6; limit++ {
			var got []uuid.UUID
			for before := uuid.Nil; ; before = got[len(got)-1] {
				page, err := store.By(t.Context(), author, before, limit)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), limit)
				if len(page) == 0 {
					break
				}
				for _, p := range page {
					got = append(got, p.ID)
				}
			}
			require.Equal(t, want, got, "%d at a time", limit)
		}
	})
	t.Run("closing one", func(t *testing.T) {
		p := created(t, store, nil)
		for range 2 { // it stays closed
			require.NoError(t, store.Close(t.Context(), p.ID))
			p.Closed = true
			require.Equal(t, p, read(t, store, p.ID))
		}
	})
	t.Run("deleting one", func(t *testing.T) {
		p, other := created(t, store, nil), created(t, store, nil)
		who := account(1)
		one(t, store, feed.Done, vote(p, who, 1))
		one(t, store, feed.Done, vote(other, who, 1))
		require.NoError(t, store.Delete(t.Context(), p.ID))
		requireKind(t, fault.NotFound, store.Delete(t.Context(), p.ID))
		found, err := store.Polls(t.Context(), []uuid.UUID{p.ID})
		require.NoError(t, err)
		require.Empty(t, found)
		one(t, store, feed.PollGone, vote(p, account(2), 1))
		votes, _, err := store.Voted(t.Context(), who, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, votes, 1, "nobody is told of an answer to it")
		for erased := 1; erased > 0; {
			erased, err = store.Erase(t.Context(), now, 1)
			require.NoError(t, err)
		}
		answers, err := store.Answers(t.Context(), who, []uuid.UUID{p.ID, other.ID})
		require.NoError(t, err)
		require.Len(t, answers, 1, "the answers to it go, and no others")
		require.Contains(t, answers, other.ID)
	})
}

func (s Suite) members(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	m, err := store.Member(t.Context(), who)
	require.NoError(t, err)
	require.Equal(t, feed.Member{Account: who}, m)
	for partition := 3; partition > 0; partition-- { // the first one stays
		joined, err := store.Join(t.Context(), []uuid.UUID{who}, []int{partition})
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]feed.Member{who: {Account: who, Partition: 3}}, joined)
	}
	several, err := store.Join(
		t.Context(), []uuid.UUID{account(3), who, account(2)}, []int{7, 8, 9})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]feed.Member{
		who:        {Account: who, Partition: 3},
		account(2): {Account: account(2), Partition: 9},
		account(3): {Account: account(3), Partition: 7},
	}, several)
	m, err = store.Member(t.Context(), who)
	require.NoError(t, err)
	require.Equal(t, feed.Member{Account: who, Partition: 3}, m)
	one(t, store, feed.Done, vote(created(t, store, nil), who, 0))
	m, err = store.Member(t.Context(), who)
	require.NoError(t, err)
	require.Equal(t, feed.Member{
		Account: who, Partition: 3, Day: now.Unix() / 86400, Used: 1,
	}, m)
}

func (s Suite) contexts(t *testing.T) {
	store := s.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := created(t, store, nil)
	cancel()
	ids := []uuid.UUID{p.ID}
	for name, call := range map[string]func() error{
		"Create": func() error { return store.Create(ctx, newPoll(t, nil)) },
		"Polls":  func() error { _, err := store.Polls(ctx, ids); return err },
		"Close":  func() error { return store.Close(ctx, p.ID) },
		"Delete": func() error { return store.Delete(ctx, p.ID) },
		"By":     func() error { _, err := store.By(ctx, p.Author, uuid.Nil, 1); return err },
		"Unseen": func() error {
			_, _, err := store.Unseen(ctx, feed.Look{Now: now, Limit: 1})
			return err
		},
		"Popular": func() error { _, err := store.Popular(ctx, 1, 1); return err },
		"Join": func() error {
			_, err := store.Join(ctx, []uuid.UUID{account(1)}, []int{1})
			return err
		},
		"Member":  func() error { _, err := store.Member(ctx, account(1)); return err },
		"Answers": func() error { _, err := store.Answers(ctx, account(1), ids); return err },
		"Voted": func() error {
			_, _, err := store.Voted(ctx, account(1), uuid.Nil, 1)
			return err
		},
		"History": func() error { _, err := store.History(ctx, p.ID, 1); return err },
		"Count": func() error {
			_, err := store.Count(ctx, rules, []int{3}, []feed.Batch{batch(vote(p, account(1), 0))})
			return err
		},
		"Differing": func() error { _, _, _, err := store.Differing(ctx, uuid.Nil, 1); return err },
		"Recount":   func() error { _, _, err := store.Recount(ctx, p.ID, true); return err },
		"Prepare":   func() error { return store.Prepare(ctx, feed.MonthOf(now)) },
		"KeepFrom":  func() error { return store.KeepFrom(ctx, feed.MonthOf(now).Next()) },
		"Erase":     func() error { _, err := store.Erase(ctx, now, 1); return err },
	} {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	require.Equal(t, p, read(t, store, p.ID), "and the store works on")
}

// Package talktest is the conformance suite of the talks' store: what talk.Store promises, claim by
// claim. Every adapter passes it.
package talktest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Suite is what an adapter brings.
type Suite struct {
	// Open gives an empty store, which the adapter closes.
	Open func(t *testing.T) talk.Store
	// Exec runs a statement on what a store keeps, which no store does. Its one parameter is an id.
	Exec func(t *testing.T, s talk.Store, statement string, id uuid.UUID)
}

// Run proves the port's promises.
func Run(t *testing.T, s Suite) {
	t.Run("talks", s.talks)
	t.Run("the programme", s.programme)
	t.Run("owners", s.owners)
	t.Run("imports", s.imports)
	t.Run("counting", s.counting)
	t.Run("comments", s.comments)
	t.Run("many at once", s.concurrency)
	t.Run("a tally equals a recount whatever happens", s.property)
	t.Run("recounts", s.recounts)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

// newTalk gives a talk that a store can keep.
func newTalk(t testing.TB, change func(*talk.Talk)) talk.Talk {
	t.Helper()
	one := talk.Talk{
		ID: commit.NewID(), Code: access.NewCode() + access.NewCode(), Title: "Why queues",
		Partition: 3, TokenHash: [32]byte{7, 31: 9},
	}
	if change != nil {
		change(&one)
	}
	require.NoError(t, one.Check())
	return one
}

// created gives a talk that is stored.
func created(t testing.TB, s talk.Store, change func(*talk.Talk)) talk.Talk {
	t.Helper()
	one := newTalk(t, change)
	require.NoError(t, s.Create(t.Context(), one))
	return one
}

func read(t testing.TB, s talk.Store, id uuid.UUID) talk.Talk {
	t.Helper()
	one, err := s.Talk(t.Context(), id)
	require.NoError(t, err)
	return one
}

func requireKind(t testing.TB, kind fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, kind), "%v is not of the kind %s", err, kind)
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// at gives a time that is kept whole.
func at(hour int) time.Time { return time.Date(2031, 5, 4, hour, 30, 0, 125e6, time.UTC) }

func (s Suite) talks(t *testing.T) {
	store := s.Open(t)
	all := newTalk(t, func(x *talk.Talk) {
		x.Title, x.Speaker = "Für «alle» – 日本語 🐘", "Ada L."
		x.StartsAt, x.EndsAt = at(9), at(10)
		x.Settings = talk.Settings{
			OpensAt: at(8), ClosesAt: at(12), MinRatings: 5, Comments: talk.Moderated,
			Voters: access.ByPass,
		}
	})
	least := newTalk(t, nil)
	require.NoError(t, store.Create(t.Context(), all, least), "both at once")
	require.Equal(t, all, read(t, store, all.ID), "what is read is what was written")
	require.Equal(t, least, read(t, store, least.ID))
	found, err := store.Find(t.Context(), all.Code)
	require.NoError(t, err)
	require.Equal(t, all, found)

	t.Run("all of them or none", func(t *testing.T) {
		fresh := newTalk(t, nil)
		taken := newTalk(t, func(x *talk.Talk) { x.Code = all.Code })
		requireKind(t, fault.Conflict, store.Create(t.Context(), fresh, taken))
		_, err := store.Talk(t.Context(), fresh.ID)
		requireKind(t, fault.NotFound, err)
		requireKind(t, fault.Conflict, store.Create(t.Context(), all))
	})
	t.Run("what is not there", func(t *testing.T) {
		_, err := store.Talk(t.Context(), uuid.New())
		requireKind(t, fault.NotFound, err)
		for _, code := range []string{"", "NOBODY", "a\x00b", "\xff"} {
			_, err = store.Find(t.Context(), code)
			requireKind(t, fault.NotFound, err)
		}
		requireKind(t, fault.NotFound, store.Delete(t.Context(), uuid.New()))
		_, err = store.Edit(t.Context(), uuid.New(), func(*talk.Talk) error { return nil })
		requireKind(t, fault.NotFound, err)
		_, err = store.Comments(t.Context(), uuid.New(), uuid.Nil, 10)
		requireKind(t, fault.NotFound, err)
		_, _, err = store.Hide(t.Context(), least.ID, uuid.New(), true)
		requireKind(t, fault.NotFound, err)
		_, _, err = store.Recount(t.Context(), uuid.New(), false)
		requireKind(t, fault.NotFound, err)
	})
	t.Run("an edit", func(t *testing.T) {
		s.count(t, store, rating(all, person(1), 4))
		edited, err := store.Edit(t.Context(), all.ID, func(x *talk.Talk) error {
			require.Equal(t, int64(1), x.Tally[3], "it sees the tally")
			x.Title, x.Speaker = "Another", ""
			x.StartsAt, x.EndsAt, x.OpensAt, x.ClosesAt = time.Time{}, at(3), time.Time{}, at(4)
			x.MinRatings, x.Comments, x.Voters = 0, talk.Refused, access.Anyone
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, int64(1), edited.Edits)
		require.Equal(t, edited, read(t, store, all.ID))
		require.Equal(t, all.TokenHash, edited.TokenHash)
		require.Equal(t, talk.Tally{3: 1}, edited.Tally)
		no := fault.Errorf(fault.Stale, "no")
		_, err = store.Edit(t.Context(), all.ID, func(x *talk.Talk) error {
			x.Title = "Never"
			return no
		})
		require.Equal(t, no, err)
		require.Equal(t, edited, read(t, store, all.ID), "nothing is written after an error")
	})
	t.Run("deleting one", func(t *testing.T) {
		require.NoError(t, store.Delete(t.Context(), all.ID))
		_, err := store.Talk(t.Context(), all.ID)
		requireKind(t, fault.NotFound, err)
		require.Equal(t, least, read(t, store, least.ID), "and no other")
		o := s.count(t, store, rating(all, person(2), 4))
		require.Equal(t, [][]talk.Verdict{{talk.Gone}}, o.Verdicts)
		require.Empty(t, o.Changed)
		require.NoError(t, store.Create(t.Context(), all))
		require.Zero(t, read(t, store, all.ID).Count())
		tally, rows, err := store.Recount(t.Context(), all.ID, false)
		require.NoError(t, err)
		require.Equal(t, tally, rows, "its ratings are gone, too")
	})
}

func (s Suite) programme(t *testing.T) {
	store := s.Open(t)
	listed, err := store.List(t.Context(), nil, 10)
	require.NoError(t, err)
	require.Empty(t, listed)
	var want []talk.Talk
	for i := range 7 {
		want = append(want, newTalk(t, func(x *talk.Talk) {
			x.ID = uuid.UUID{0: byte(i), 15: 1}
			if i < 5 { // two at the same time; the last two do not say when they start
				x.StartsAt = at(i / 2)
			}
		}))
	}
	for _, i := range []int{6, 2, 0, 5, 3, 1, 4} {
		require.NoError(t, store.Create(t.Context(), want[i]))
	}
	for limit := 1; limit <= 8; limit++ {
		var got []talk.Talk
		var after *talk.Place
		for {
			page, err := store.List(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			last := page[len(page)-1]
			after = &talk.Place{StartsAt: last.StartsAt, ID: last.ID}
		}
		require.Equal(t, want, got, "%d at a time", limit)
	}
	for limit := 1; limit <= 8; limit++ {
		var got, ids []uuid.UUID
		for after := uuid.Nil; ; after = ids[len(ids)-1] {
			ids, err = store.TalkIDs(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(ids), limit)
			if len(ids) == 0 {
				break
			}
			got = append(got, ids...)
		}
		require.Len(t, got, len(want))
		for i := range want { // whose ids rise
			require.Equal(t, want[i].ID, got[i], "%d at a time", limit)
		}
	}
	s.count(t, store, rating(want[0], person(1), 5))
	newest, err := store.Newest(t.Context(), []uuid.UUID{want[0].ID, want[1].ID, uuid.New()})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]int64{want[0].ID: 1, want[1].ID: 0}, newest)
}

func (s Suite) contexts(t *testing.T) {
	store, ctx := s.Open(t), ended(t)
	one := created(t, store, nil)
	for name, call := range map[string]func() error{
		"Create": func() error { return store.Create(ctx, newTalk(t, nil)) },
		"Talk":   func() error { _, err := store.Talk(ctx, one.ID); return err },
		"Find":   func() error { _, err := store.Find(ctx, one.Code); return err },
		"List":   func() error { _, err := store.List(ctx, nil, 1); return err },
		"Owned": func() error {
			_, err := store.Owned(ctx, talk.Importer{Account: uuid.New()}, uuid.Nil, 1)
			return err
		},
		"Import": func() error {
			return store.Import(ctx, talk.Importer{Token: "t"}, []string{"s"}, nothing)
		},
		"Newest": func() error { _, err := store.Newest(ctx, []uuid.UUID{one.ID}); return err },
		"Edit": func() error {
			_, err := store.Edit(ctx, one.ID, func(*talk.Talk) error { return nil })
			return err
		},
		"Delete":   func() error { return store.Delete(ctx, one.ID) },
		"Comments": func() error { _, err := store.Comments(ctx, one.ID, uuid.Nil, 1); return err },
		"Hide": func() error {
			_, _, err := store.Hide(ctx, one.ID, uuid.New(), true)
			return err
		},
		"Count": func() error {
			_, err := store.Count(ctx, []int{3}, []talk.Batch{batch(rating(one, person(1), 5))})
			return err
		},
		"HasCounted": func() error { _, err := store.HasCounted(ctx, one.ID); return err },
		"TalkIDs":    func() error { _, err := store.TalkIDs(ctx, uuid.Nil, 1); return err },
		"Recount":    func() error { _, _, err := store.Recount(ctx, one.ID, true); return err },
	} {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	require.Equal(t, one, read(t, store, one.ID), "and the store works on")
}

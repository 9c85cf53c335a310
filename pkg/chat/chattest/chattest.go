// Package chattest is the conformance suite of the chats' store: what chat.Store promises, claim by
// claim. Every adapter passes it.
package chattest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Suite is what an adapter brings.
type Suite struct {
	// Open gives an empty store, which the adapter closes.
	Open func(t *testing.T) chat.Store
	// Exec runs a statement on what a store keeps, which no store does. Its one parameter, a
	// question mark, is an id.
	Exec func(t *testing.T, s chat.Store, statement string, id uuid.UUID)
}

// Run proves the port's promises.
func Run(t *testing.T, s Suite) {
	t.Run("applications", s.applications)
	t.Run("chats", s.chats)
	t.Run("numbers", s.numbers)
	t.Run("retries", s.retries)
	t.Run("many at once", s.many)
	t.Run("a chat equals a recount whatever happens", s.property)
	t.Run("edits", s.edits)
	t.Run("deletions", s.deletions)
	t.Run("moderation", s.moderation)
	t.Run("votes", s.votes)
	t.Run("what an operator puts back", s.replayed)
	t.Run("reactions", s.reactions)
	t.Run("lists", s.lists)
	t.Run("questions by their rank", s.ranked)
	t.Run("changes", s.changes)
	t.Run("markers", s.markers)
	t.Run("search", s.search)
	t.Run("search in a long chat", s.longSearch)
	t.Run("recounts", s.recounts)
	t.Run("erasing", s.erasing)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

// now is the time of all items that say no other.
var now = time.Now().UnixMilli()

func person(n byte) uuid.UUID { return uuid.UUID{0: 0xaa, 15: n} }

// newApp gives an application that a store can keep.
func newApp(t testing.TB, change func(*chat.Application)) chat.Application {
	t.Helper()
	id := commit.NewID()
	a := chat.Application{ID: id, Partition: 3, Name: "Support"}
	copy(a.TokenHash[:], id[:])
	if change != nil {
		change(&a)
	}
	require.NoError(t, a.Check())
	return a
}

// created gives an application that is stored.
func created(t testing.TB, s chat.Store, change func(*chat.Application)) chat.Application {
	t.Helper()
	a := newApp(t, change)
	require.NoError(t, s.Create(t.Context(), a))
	return a
}

// opened gives a chat of an application of its own.
func opened(t testing.TB, s chat.Store, change func(*chat.Item)) chat.Chat {
	t.Helper()
	i := item(chat.Place{App: created(t, s, nil).ID}, chat.Make, 0)
	i.Kind = chat.Plain
	if change != nil {
		change(&i)
	}
	one(t, s, got(1), i)
	return read(t, s, chat.Place{App: i.App, Number: 1})
}

func questions(i *chat.Item) { i.Kind = chat.Questions }
func moderated(i *chat.Item) { i.Moderated = true }

func read(t testing.TB, s chat.Store, p chat.Place) chat.Chat {
	t.Helper()
	c, err := s.Chat(t.Context(), p)
	require.NoError(t, err)
	return c
}

func placeOf(c chat.Chat) chat.Place { return chat.Place{App: c.App, Number: c.Number} }

func message(t testing.TB, s chat.Store, c chat.Chat, number int64) chat.Message {
	t.Helper()
	m, err := s.Message(t.Context(), c.ID, number)
	require.NoError(t, err)
	return m
}

func requireKind(t testing.TB, kind fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, kind), "%v is not of the kind %s", err, kind)
}

func (s Suite) applications(t *testing.T) {
	store := s.Open(t)
	account, subject := uuid.New(), uuid.New()
	all := created(t, store, func(a *chat.Application) {
		a.Name, a.Account, a.Reactions = "Für «alle» – 日本語 🐘 'or' \"and\" {\\}", account, true
		a.Epoch, a.TokenHash = 7, [32]byte{0: 1, 31: 255}
	})
	tied := created(t, store, func(a *chat.Application) {
		a.Subject, a.TokenHash = subject, [32]byte{}
	})
	other := created(t, store, func(a *chat.Application) { a.TokenHash = [32]byte{} })
	for _, want := range []chat.Application{all, tied, other} {
		got, err := store.Application(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, want, got, "what is read is what was written")
	}
	got, err := store.Find(t.Context(), all.TokenHash)
	require.NoError(t, err)
	require.Equal(t, all, got)
	got, err = store.Of(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, tied, got)
	for _, same := range []func(*chat.Application){
		func(a *chat.Application) { a.ID = all.ID },
		func(a *chat.Application) { a.TokenHash = all.TokenHash },
		func(a *chat.Application) { a.Subject = subject },
	} {
		requireKind(t, fault.Conflict, store.Create(t.Context(), newApp(t, same)))
	}
	t.Run("what is not there", func(t *testing.T) {
		_, err := store.Application(t.Context(), uuid.New())
		requireKind(t, fault.NotFound, err)
		_, err = store.Find(t.Context(), [32]byte{5})
		requireKind(t, fault.NotFound, err)
		_, err = store.Of(t.Context(), uuid.New())
		requireKind(t, fault.NotFound, err)
		_, err = store.Edit(t.Context(), uuid.New(), func(*chat.Application) error { return nil })
		requireKind(t, fault.NotFound, err)
		requireKind(t, fault.NotFound, store.Delete(t.Context(), uuid.New()))
	})
	t.Run("an edit", func(t *testing.T) {
		got, err := store.Edit(t.Context(), all.ID, func(a *chat.Application) error {
			require.Equal(t, all, *a)
			a.Name, a.Reactions, a.TokenHash, a.Epoch = "Other", false, [32]byte{9}, 8
			return nil
		})
		require.NoError(t, err)
		all.Name, all.Reactions, all.TokenHash, all.Epoch = "Other", false, [32]byte{9}, 8
		require.Equal(t, all, got)
		_, err = store.Edit(t.Context(), all.ID, func(a *chat.Application) error {
			a.Name = "Never"
			return fault.Errorf(fault.Stale, "no")
		})
		requireKind(t, fault.Stale, err)
		got, err = store.Find(t.Context(), [32]byte{9})
		require.NoError(t, err)
		require.Equal(t, all, got)
	})
	t.Run("an account's", func(t *testing.T) {
		want := []uuid.UUID{all.ID}
		for range 4 {
			time.Sleep(2 * time.Millisecond) // ids of one millisecond have no order
			a := created(t, store, func(a *chat.Application) { a.Account = account })
			want = append([]uuid.UUID{a.ID}, want...)
		}
		for limit := 1; limit <= 6; limit++ {
			var got []uuid.UUID
			for before := uuid.Nil; ; before = got[len(got)-1] {
				page, err := store.Owned(t.Context(), account, before, limit)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), limit)
				if len(page) == 0 {
					break
				}
				for _, a := range page {
					got = append(got, a.ID)
				}
			}
			require.Equal(t, want, got, "%d at a time", limit)
		}
	})
}

func (s Suite) chats(t *testing.T) {
	store := s.Open(t)
	a := created(t, store, nil)
	made := func(n int64, change func(*chat.Item)) chat.Item {
		i := item(chat.Place{App: a.ID}, chat.Make, 0)
		i.Kind = chat.Plain
		change(&i)
		one(t, store, got(n), i)
		return i
	}
	first := made(1, func(i *chat.Item) {
		i.Body, i.Kind, i.Moderated = "Größe 🐘", chat.Questions, true
	})
	made(2, func(*chat.Item) {})
	want := chat.Chat{
		ID: first.ID, App: a.ID, Number: 1, Kind: chat.Questions, At: now, Revision: 1,
		Settings: chat.Settings{Title: "Größe 🐘", Moderated: true},
	}
	require.Equal(t, want, read(t, store, chat.Place{App: a.ID, Number: 1}))
	chats, err := store.Chats(t.Context(), a.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, chats, 2)
	require.Equal(t, want, chats[0])
	chats, err = store.Chats(t.Context(), a.ID, 1, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, chats[0].Number)
	got, err := store.Application(t.Context(), a.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Chats)
	number, of, err := store.Numbered(t.Context(), a.ID, first.ID)
	require.NoError(t, err)
	require.Equal(t, [2]int64{1, 0}, [2]int64{number, of})
	_, _, err = store.Numbered(t.Context(), uuid.New(), first.ID)
	requireKind(t, fault.NotFound, err)
	t.Run("settings", func(t *testing.T) {
		got, err := store.Adjust(t.Context(), placeOf(want), func(c *chat.Chat) error {
			require.Equal(t, want, *c)
			c.Settings = chat.Settings{Title: "Other", Closed: true}
			return nil
		})
		require.NoError(t, err)
		want.Settings, want.Revision = chat.Settings{Title: "Other", Closed: true}, 2
		require.Equal(t, want, got)
		_, err = store.Adjust(t.Context(), placeOf(want), func(c *chat.Chat) error {
			c.Title = "Never"
			return fault.Errorf(fault.Stale, "no")
		})
		requireKind(t, fault.Stale, err)
		require.Equal(t, want, read(t, store, placeOf(want)))
		one(t, store, chat.Result{Verdict: chat.ChatClosed}, post(want, 1, "late"))
	})
	t.Run("what is not there", func(t *testing.T) {
		for _, p := range []chat.Place{
			{App: a.ID, Number: 3}, {App: a.ID}, {App: uuid.New(), Number: 1},
		} {
			_, err := store.Chat(t.Context(), p)
			requireKind(t, fault.NotFound, err)
			_, err = store.Adjust(t.Context(), p, func(*chat.Chat) error { return nil })
			requireKind(t, fault.NotFound, err)
			want := chat.ChatGone
			if p.App != a.ID {
				want = chat.AppGone
			}
			i := item(p, chat.Post, 1)
			i.Body = "to nobody"
			one(t, store, chat.Result{Verdict: want}, i)
		}
	})
}

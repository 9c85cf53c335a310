package chattest

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/fault"
)

func (s Suite) contexts(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	app := func(*chat.Application) error { return nil }
	for name, call := range map[string]func() error{
		"Create":      func() error { return store.Create(ctx, newApp(t, nil)) },
		"Application": func() error { _, err := store.Application(ctx, c.App); return err },
		"Find":        func() error { _, err := store.Find(ctx, [32]byte{1}); return err },
		"Of":          func() error { _, err := store.Of(ctx, c.App); return err },
		"Owned":       func() error { _, err := store.Owned(ctx, c.App, uuid.Nil, 1); return err },
		"Edit":        func() error { _, err := store.Edit(ctx, c.App, app); return err },
		"Delete":      func() error { return store.Delete(ctx, c.App) },
		"Chat":        func() error { _, err := store.Chat(ctx, placeOf(c)); return err },
		"Chats":       func() error { _, err := store.Chats(ctx, c.App, 0, 1); return err },
		"Adjust": func() error {
			_, err := store.Adjust(ctx, placeOf(c), func(*chat.Chat) error { return nil })
			return err
		},
		"Message":  func() error { _, err := store.Message(ctx, c.ID, 1); return err },
		"Numbered": func() error { _, _, err := store.Numbered(ctx, c.App, c.ID); return err },
		"Messages": func() error {
			_, _, err := store.Messages(ctx, chat.Range{Chat: c.ID, Limit: 1})
			return err
		},
		"Ranked": func() error {
			_, err := store.Ranked(ctx, chat.Ranking{Chat: c.ID, Limit: 1})
			return err
		},
		"Search": func() error {
			_, _, err := store.Search(ctx, chat.Look{Chat: c.ID, Search: "abc", Limit: 1})
			return err
		},
		"Changed":  func() error { _, err := store.Changed(ctx, c.ID, 0, 1); return err },
		"Versions": func() error { _, err := store.Versions(ctx, c.ID, 1); return err },
		"Upvoted": func() error {
			_, err := store.Upvoted(ctx, c.ID, c.ID, []int64{1})
			return err
		},
		"Read":   func() error { return store.Read(ctx, c.ID, c.ID, 1) },
		"Unread": func() error { _, _, err := store.Unread(ctx, c.ID, c.ID, 1); return err },
		"Reactions": func() error {
			_, err := store.Reactions(ctx, c.App, []uuid.UUID{c.ID})
			return err
		},
		"Count": func() error {
			_, err := store.Count(ctx, []int{3}, []chat.Batch{batch(post(c, 1, "never"))})
			return err
		},
		"Differing": func() error {
			_, _, _, err := store.Differing(ctx, chat.Chats, uuid.Nil, 1)
			return err
		},
		"Recount": func() error {
			_, err := store.Recount(ctx, chat.Chats, c.ID, true)
			return err
		},
		"Erase": func() error { _, err := store.Erase(ctx, 1); return err },
	} {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	require.Equal(t, c, read(t, store, placeOf(c)), "and the store works on")
}

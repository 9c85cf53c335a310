package chattest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/chat"
)

// after gives the item as it is some milliseconds later.
func after(millis int64, i chat.Item) chat.Item {
	i.At += millis
	return i
}

func (s Suite) edits(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	posted(t, store, c, "one", "two")
	does(t, store, chat.NotTheAuthor, edit(c, 1, 2, "another's"))
	does(t, store, chat.MessageGone, edit(c, 3, 1, "nobody's"))
	does(t, store, chat.Done, after(5, edit(c, 1, 1, "uno")))
	does(t, store, chat.Done, after(9, trusted(edit(c, 1, 2, "ichi"))))
	revision := read(t, store, placeOf(c)).Revision
	does(t, store, chat.Done, after(20, edit(c, 1, 1, "ichi")))
	require.Equal(t, revision, read(t, store, placeOf(c)).Revision, "the same changes nothing")
	m := message(t, store, c, 1)
	require.Equal(t, "ichi", m.Body)
	require.Equal(t, [4]int64{2, now, now + 9, revision},
		[4]int64{int64(m.Edits), m.At, m.EditedAt, m.Changed})
	require.Equal(t, person(1), m.Person)
	versions, err := store.Versions(t.Context(), c.ID, 1)
	require.NoError(t, err)
	require.Equal(t, []chat.Version{
		{Edit: 0, Body: "one", At: now}, {Edit: 1, Body: "uno", At: now + 5},
	}, versions)
	versions, err = store.Versions(t.Context(), c.ID, 2)
	require.NoError(t, err)
	require.Empty(t, versions)

	t.Run("the last one in the log stands", func(t *testing.T) {
		count(t, store, batch(after(9, edit(c, 2, 1, "a"))), batch(edit(c, 2, 1, "b")))
		require.Equal(t, "b", message(t, store, c, 2).Body)
	})
	t.Run("a closed chat stays as it is", func(t *testing.T) {
		_, err := store.Adjust(t.Context(), placeOf(c), func(c *chat.Chat) error {
			c.Closed = true
			return nil
		})
		require.NoError(t, err)
		does(t, store, chat.ChatClosed, edit(c, 2, 1, "c"))
		does(t, store, chat.ChatClosed, on(c, 2, chat.Upvote, 1))
		does(t, store, chat.ChatClosed, trusted(post(c, 1, "3")))
		does(t, store, chat.Done, trusted(edit(c, 2, 9, "d")))
	})
	t.Run("as often as a message may be edited", func(t *testing.T) {
		c := opened(t, store, nil)
		posted(t, store, c, "0")
		var items []chat.Item
		for n := range chat.MaxEdits {
			items = append(items, edit(c, 1, 1, fmt.Sprint(n+1)))
		}
		count(t, store, batch(items...))
		does(t, store, chat.TooManyEdits, edit(c, 1, 1, "never"))
		require.Equal(t, fmt.Sprint(chat.MaxEdits), message(t, store, c, 1).Body)
		versions, err := store.Versions(t.Context(), c.ID, 1)
		require.NoError(t, err)
		require.Len(t, versions, chat.MaxEdits)
	})
}

func (s Suite) deletions(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	posted(t, store, c, "one", "two", "three")
	does(t, store, chat.Done, edit(c, 2, 1, "zwei"))
	does(t, store, chat.Done, on(c, 2, chat.Upvote, 7))
	does(t, store, chat.NotTheAuthor, on(c, 2, chat.Delete, 2))
	does(t, store, chat.Done, on(c, 2, chat.Delete, 1))
	m := message(t, store, c, 2)
	require.Equal(t, chat.Message{
		Chat: c.ID, Number: 2, ID: m.ID, At: now, State: chat.Deleted,
		Changed: read(t, store, placeOf(c)).Revision,
	}, m, "its number stays")
	requireRecounted(t, store, c, chat.Counts{Last: 3, Messages: 2, Shown: 2})
	versions, err := store.Versions(t.Context(), c.ID, 2)
	require.NoError(t, err)
	require.Empty(t, versions)
	voted, err := store.Upvoted(t.Context(), c.ID, person(7), []int64{2})
	require.NoError(t, err)
	require.Empty(t, voted)
	for _, who := range []byte{1, 2} {
		does(t, store, chat.Done, on(c, 2, chat.Delete, who))
		does(t, store, chat.MessageDeleted, edit(c, 2, who, "again"))
		does(t, store, chat.MessageDeleted, on(c, 2, chat.Upvote, who))
	}
	does(t, store, chat.MessageDeleted, mark(c, 2, chat.Show))
	does(t, store, chat.Done, trusted(on(c, 3, chat.Delete, 9)))
	requireRecounted(t, store, c, chat.Counts{Last: 3, Messages: 1, Shown: 1})
	one(t, store, got(4), post(c, 1, "four"))
	requireRecounted(t, store, c, chat.Counts{Last: 4, Messages: 2, Shown: 2})
}

func (s Suite) moderation(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, func(i *chat.Item) { questions(i); moderated(i) })
	one(t, store, chat.Result{Verdict: chat.Held, Number: 1}, post(c, 1, "why?"))
	one(t, store, got(2), trusted(post(c, 2, "how?")))
	requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 2, Shown: 1})
	does(t, store, chat.MessageGone, on(c, 1, chat.Upvote, 1))
	does(t, store, chat.NotTheAuthor, func() chat.Item {
		i := mark(c, 1, chat.Show)
		i.Trusted = false
		return i
	}())
	does(t, store, chat.Done, mark(c, 1, chat.Show|chat.Pin))
	m := message(t, store, c, 1)
	require.True(t, m.Pinned && m.Question && !m.Answered)
	require.Equal(t, chat.Shown, m.State)
	requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 2, Shown: 2})
	revision := read(t, store, placeOf(c)).Revision
	does(t, store, chat.Done, mark(c, 1, chat.Show|chat.Pin|chat.Reopen))
	require.Equal(t, revision, read(t, store, placeOf(c)).Revision, "nothing has changed")
	does(t, store, chat.Done, mark(c, 1, chat.Unpin|chat.Answer|chat.Hide))
	m = message(t, store, c, 1)
	require.True(t, !m.Pinned && m.Answered)
	require.Equal(t, chat.Hidden, m.State)
	requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 2, Shown: 1})
	t.Run("what was let through waits again when its author edits it", func(t *testing.T) {
		does(t, store, chat.Done, edit(c, 1, 1, "why not?"))
		require.Equal(t, chat.Hidden, message(t, store, c, 1).State, "but what was hidden")
		does(t, store, chat.Done, mark(c, 1, chat.Show))
		does(t, store, chat.Done, trusted(edit(c, 1, 9, "why, then?")))
		require.Equal(t, chat.Shown, message(t, store, c, 1).State)
		does(t, store, chat.Done, edit(c, 1, 1, "buy this"))
		require.Equal(t, chat.Waiting, message(t, store, c, 1).State)
		requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 2, Shown: 1})
		does(t, store, chat.Done, on(c, 1, chat.Delete, 1))
		requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 1, Shown: 1})
	})
	t.Run("only questions are answered", func(t *testing.T) {
		c := opened(t, store, nil)
		posted(t, store, c, "one")
		does(t, store, chat.NoQuestion, mark(c, 1, chat.Answer))
		does(t, store, chat.Done, mark(c, 1, chat.Hide))
		requireRecounted(t, store, c, chat.Counts{Last: 1, Messages: 1})
	})
}

func (s Suite) votes(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, questions)
	posted(t, store, c, "one", "two")
	for range 2 { // the second one has nothing to do
		does(t, store, chat.Done, on(c, 1, chat.Upvote, 1))
		does(t, store, chat.Done, on(c, 1, chat.Upvote, 2))
		require.EqualValues(t, 2, message(t, store, c, 1).Votes)
	}
	does(t, store, chat.Done, on(c, 2, chat.Upvote, 1))
	voted, err := store.Upvoted(t.Context(), c.ID, person(1), []int64{1, 2, 3})
	require.NoError(t, err)
	require.Equal(t, map[int64]bool{1: true, 2: true}, voted)
	for range 2 {
		does(t, store, chat.Done, on(c, 1, chat.Unvote, 1))
		require.EqualValues(t, 1, message(t, store, c, 1).Votes)
	}
	voted, err = store.Upvoted(t.Context(), c.ID, person(1), []int64{1, 2})
	require.NoError(t, err)
	require.Equal(t, map[int64]bool{2: true}, voted)
	does(t, store, chat.MessageGone, on(c, 3, chat.Upvote, 1))
	count(t, store, batch(on(c, 1, chat.Upvote, 3), on(c, 1, chat.Unvote, 3),
		on(c, 1, chat.Unvote, 2), on(c, 1, chat.Upvote, 2), on(c, 1, chat.Upvote, 4)))
	require.EqualValues(t, 2, message(t, store, c, 1).Votes)
	requireRecounted(t, store, c, chat.Counts{Last: 2, Messages: 2, Shown: 2})
}

// replayed has entries come that were set aside once: what stands behind them in the log stands.
func (s Suite) replayed(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, questions)
	posted(t, store, c, "one", "two")
	does(t, store, chat.Done, after(10, edit(c, 1, 1, "later")))
	does(t, store, chat.Done, mark(c, 1, chat.Hide))
	does(t, store, chat.Done, on(c, 2, chat.Upvote, 1))
	old := batch(after(5, edit(c, 1, 1, "earlier")), mark(c, 1, chat.Show),
		on(c, 2, chat.Unvote, 1), on(c, 2, chat.Upvote, 2), after(5, edit(c, 2, 1, "zwei")),
		post(c, 1, "three"))
	old.Replayed = true
	count(t, store, old)
	require.Equal(t, "later", message(t, store, c, 1).Body)
	require.Equal(t, chat.Hidden, message(t, store, c, 1).State)
	require.EqualValues(t, 2, message(t, store, c, 2).Votes)
	require.Equal(t, "zwei", message(t, store, c, 2).Body)
	require.Equal(t, "three", message(t, store, c, 3).Body)
	requireRecounted(t, store, c, chat.Counts{Last: 3, Messages: 3, Shown: 2})
}

func (s Suite) reactions(t *testing.T) {
	store := s.Open(t)
	a := created(t, store, func(a *chat.Application) { a.Reactions = true })
	slides := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	react := func(slide, emoji int) chat.Item {
		i := item(chat.Place{App: a.ID}, chat.React, 1)
		i.Slide, i.Emoji = slides[slide], emoji
		return i
	}
	o := count(t, store, batch(react(0, 0), react(0, 4), react(0, 4)))
	require.Equal(t, []bus.Change{{Thing: a.ID, Part: slides[0]}}, o.Changed)
	count(t, store, batch(react(0, 1), react(1, 2)), batch(react(0, 4)))
	found, err := store.Reactions(t.Context(), a.ID, slides)
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]chat.Reactions{
		slides[0]: {0: 1, 1: 1, 4: 3}, slides[1]: {2: 1},
	}, found)
	_, err = store.Edit(t.Context(), a.ID, func(a *chat.Application) error {
		a.Reactions = false
		return nil
	})
	require.NoError(t, err)
	does(t, store, chat.ReactionsOff, react(0, 0))
	found, err = store.Reactions(t.Context(), uuid.New(), slides)
	require.NoError(t, err)
	require.Empty(t, found)
}

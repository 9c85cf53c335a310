package chattest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/work"
)

func recount(t testing.TB, s chat.Store, repair bool) (n int, found []work.Difference) {
	t.Helper()
	n, err := chat.NewRecounter(s).Recount(t.Context(), repair, func(d work.Difference) {
		found = append(found, d)
	})
	require.NoError(t, err)
	return n, found
}

func (s Suite) recounts(t *testing.T) {
	store := s.Open(t)
	n, found := recount(t, store, true)
	require.Zero(t, n)
	require.Empty(t, found, "there is nothing to compare")
	wrong, right := opened(t, store, nil), opened(t, store, nil)
	for _, c := range []chat.Chat{wrong, right} {
		posted(t, store, c, "1", "2", "3")
		does(t, store, chat.Done, on(c, 2, chat.Upvote, 1))
		does(t, store, chat.Done, on(c, 3, chat.Delete, 1))
	}
	before := read(t, store, placeOf(right))
	const what = "last number and rows of its messages, not deleted, shown, votes, " +
		"messages with others"
	for _, c := range []struct {
		statement  string
		kept, rows []int64
	}{
		{`UPDATE chats SET messages = 7, shown = 8 WHERE id = ?`,
			[]int64{3, 3, 7, 8, 1, 0}, []int64{3, 3, 2, 2, 1, 0}},
		{`UPDATE chats SET last = 1 WHERE id = ?`,
			[]int64{1, 1, 2, 2, 1, 0}, []int64{3, 3, 2, 2, 1, 0}},
		{`UPDATE chat_messages SET votes = 1 - votes WHERE state = 2 AND chat_id = ?`,
			[]int64{3, 3, 2, 2, 1, 0}, []int64{3, 3, 2, 2, 1, 2}},
		{`DELETE FROM chat_votes WHERE chat_id = ?`,
			[]int64{3, 3, 2, 2, 1, 0}, []int64{3, 3, 2, 2, 0, 1}},
	} {
		s.Exec(t, store, c.statement, wrong.ID)
		want := work.Difference{Thing: wrong.ID, What: what, Tally: c.kept, Rows: c.rows}
		for range 2 { // what is asked alone changes nothing
			n, found = recount(t, store, false)
			require.Equal(t, 4, n, "two applications, and two chats")
			require.Equal(t, []work.Difference{want}, found)
		}
		revision := read(t, store, placeOf(wrong)).Revision
		_, found = recount(t, store, true)
		want.Mended = true
		require.Equal(t, []work.Difference{want}, found)
		require.Equal(t, revision+1, read(t, store, placeOf(wrong)).Revision, "people see it")
		requireRecounted(t, store, wrong, chat.Counts{Last: 3, Messages: 2, Shown: 2})
		_, found = recount(t, store, true)
		require.Empty(t, found)
	}
	require.Equal(t, before, read(t, store, placeOf(right)))
	require.Zero(t, message(t, store, wrong, 2).Votes)
	require.NotZero(t, message(t, store, wrong, 2).Changed)
	t.Run("an application's chats", func(t *testing.T) {
		s.Exec(t, store, `UPDATE chat_apps SET chats = 0 WHERE id = ?`, wrong.App)
		_, found := recount(t, store, true)
		require.Equal(t, []work.Difference{{
			Thing: wrong.App, What: "last number and rows of its chats",
			Tally: []int64{0, 0}, Rows: []int64{1, 1}, Mended: true,
		}}, found)
		_, found = recount(t, store, true)
		require.Empty(t, found)
	})
	t.Run("a number that is lost is told, and given to nobody else", func(t *testing.T) {
		s.Exec(t, store, `DELETE FROM chat_messages WHERE number = 3 AND chat_id = ?`, wrong.ID)
		for range 2 {
			_, found := recount(t, store, true)
			require.Len(t, found, 1)
			require.False(t, found[0].Mended)
			require.Equal(t, []int64{3, 3}, found[0].Tally[:2])
			require.Equal(t, []int64{2, 2}, found[0].Rows[:2])
		}
		one(t, store, got(4), post(wrong, 1, "4"))
	})
	t.Run("a few at a time", func(t *testing.T) {
		for _, of := range []chat.Thing{chat.Apps, chat.Chats} {
			var seen int
			for after := uuid.Nil; ; {
				n, last, _, err := store.Differing(t.Context(), of, after, 1)
				require.NoError(t, err)
				if n == 0 {
					break
				}
				after, seen = last, seen+n
			}
			require.Equal(t, 2, seen)
		}
	})
}

func (s Suite) erasing(t *testing.T) {
	store := s.Open(t)
	gone := opened(t, store, questions)
	posted(t, store, gone, "one", "two", "three")
	does(t, store, chat.Done, edit(gone, 1, 1, "uno"))
	does(t, store, chat.Done, on(gone, 1, chat.Upvote, 1))
	require.NoError(t, store.Read(t.Context(), gone.ID, person(1), 2))
	left := opened(t, store, nil)
	posted(t, store, left, "one")
	empty := created(t, store, nil)
	n, err := store.Erase(t.Context(), 100)
	require.NoError(t, err)
	require.Zero(t, n)
	for _, app := range []uuid.UUID{gone.App, empty.ID} {
		require.NoError(t, store.Delete(t.Context(), app))
		requireKind(t, fault.NotFound, store.Delete(t.Context(), app))
	}
	_, err = store.Chat(t.Context(), placeOf(gone))
	requireKind(t, fault.NotFound, err)
	chats, err := store.Chats(t.Context(), gone.App, 0, 9)
	require.NoError(t, err)
	require.Empty(t, chats)
	does(t, store, chat.AppGone, post(gone, 1, "four"))
	does(t, store, chat.AppGone, on(gone, 1, chat.Delete, 1))
	_, err = store.Recount(t.Context(), chat.Chats, gone.ID, true)
	requireKind(t, fault.NotFound, err)
	compared, differing := recount(t, store, true)
	require.Equal(t, 2, compared, "what is gone is not compared")
	require.Empty(t, differing)
	total := 0
	for n := 1; n > 0; total += n {
		n, err = store.Erase(t.Context(), 1)
		require.NoError(t, err)
		require.LessOrEqual(t, n, 7, "one of each kind")
	}
	require.GreaterOrEqual(t, total, 3+1+1+1+1+2,
		"messages, versions, votes, markers, chats, applications")
	_, err = store.Message(t.Context(), gone.ID, 1)
	requireKind(t, fault.NotFound, err)
	requireRecounted(t, store, left, chat.Counts{Last: 1, Messages: 1, Shown: 1})
	fresh := opened(t, store, nil)
	posted(t, store, fresh, "one")
	look := chat.Look{Chat: fresh.ID, Search: "one", Limit: 9}
	require.Equal(t, []int64{1}, found(t, store, look), "no place in an index is left over")
}

// property draws batches, some of which come again, and holds the store to a plain list.
func (s Suite) property(t *testing.T) {
	store := s.Open(t)
	rapid.Check(t, func(r *rapid.T) {
		app := created(t, store, nil)
		made := item(chat.Place{App: app.ID}, chat.Make, 1)
		made.Kind, made.Moderated = chat.Questions, rapid.Bool().Draw(r, "moderated")
		count(t, store, batch(made))
		c := chat.Chat{ID: made.ID, App: app.ID, Number: 1, Settings: chat.Settings{
			Moderated: made.Moderated,
		}}
		model, sent := newModel(c), []chat.Batch(nil)
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			if len(sent) > 0 && rapid.Bool().Draw(r, "again") {
				count(t, store, sent[rapid.IntRange(0, len(sent)-1).Draw(r, "which")])
				continue
			}
			var items []chat.Item
			for range rapid.IntRange(1, 8).Draw(r, "items") {
				i := drawn(r, c)
				model.take(i)
				items = append(items, i)
			}
			sent = append(sent, batch(items...))
			count(t, store, sent[len(sent)-1])
		}
		model.require(t, store)
	})
}

// drawn draws an item of one of three people.
func drawn(r *rapid.T, c chat.Chat) chat.Item {
	does := chat.Action(rapid.ByteRange(byte(chat.Post), byte(chat.Unvote)).Draw(r, "action"))
	who := rapid.ByteRange(1, 3).Draw(r, "who")
	if does == chat.Post {
		return post(c, who, fmt.Sprint("post ", commit.NewID()))
	}
	number := int64(rapid.IntRange(1, 6).Draw(r, "message"))
	switch does {
	case chat.Edit:
		return edit(c, number, who, fmt.Sprint("edit ", commit.NewID()))
	case chat.Mark:
		return mark(c, number, rapid.SampledFrom([]chat.Marks{
			chat.Show, chat.Hide, chat.Hide | chat.Pin, chat.Unpin | chat.Answer, chat.Reopen,
		}).Draw(r, "marks"))
	}
	return on(c, number, does, who)
}

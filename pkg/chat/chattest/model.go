package chattest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
)

// model is what a chat is to be, by the plainest rules.
type model struct {
	chat     chat.Chat
	messages []*written
}

type written struct {
	person uuid.UUID
	said   []string // the last one stands
	state  chat.State
	pinned bool
	answer bool
	votes  map[uuid.UUID]bool
}

func newModel(c chat.Chat) *model { return &model{chat: c} }

func (m *model) take(i chat.Item) {
	if i.Action == chat.Post {
		state := chat.Shown
		if m.chat.Moderated {
			state = chat.Waiting
		}
		m.messages = append(m.messages, &written{
			person: i.Person, said: []string{i.Body}, state: state, votes: map[uuid.UUID]bool{},
		})
		return
	}
	if i.Message > int64(len(m.messages)) {
		return
	}
	w := m.messages[i.Message-1]
	if w.state == chat.Deleted {
		return
	}
	switch own := w.person == i.Person; {
	case i.Action == chat.Edit && own:
		w.said = append(w.said, i.Body)
		if m.chat.Moderated && w.state == chat.Shown {
			w.state = chat.Waiting
		}
	case i.Action == chat.Delete && own:
		*w = written{state: chat.Deleted}
	case i.Action == chat.Upvote && w.state == chat.Shown:
		w.votes[i.Person] = true
	case i.Action == chat.Unvote && w.state == chat.Shown:
		delete(w.votes, i.Person)
	case i.Action == chat.Mark:
		w.mark(i.Marks)
	}
}

func (w *written) mark(m chat.Marks) {
	is := func(one chat.Marks) bool { return m&one != 0 }
	switch {
	case is(chat.Show):
		w.state = chat.Shown
	case is(chat.Hide):
		w.state = chat.Hidden
	}
	w.pinned = (w.pinned || is(chat.Pin)) && !is(chat.Unpin)
	w.answer = (w.answer || is(chat.Answer)) && !is(chat.Reopen)
}

// require requires that a store has what the model has, by its rows and by its counts.
func (m *model) require(t testing.TB, store chat.Store) {
	t.Helper()
	want := chat.Counts{Last: int64(len(m.messages))}
	all, rest, err := store.Messages(t.Context(), chat.Range{
		Chat: m.chat.ID, Sees: chat.Everything, Limit: 1000,
	})
	require.NoError(t, err)
	require.Zero(t, rest)
	require.Len(t, all, len(m.messages))
	for n, w := range m.messages {
		got := all[n]
		require.EqualValues(t, n+1, got.Number)
		require.Equal(t, w.state, got.State)
		require.Equal(t, [2]bool{w.pinned, w.answer}, [2]bool{got.Pinned, got.Answered})
		require.EqualValues(t, len(w.votes), got.Votes)
		if w.state != chat.Deleted {
			want.Messages++
		}
		if w.state == chat.Shown {
			want.Shown++
		}
		if w.state == chat.Deleted {
			require.Empty(t, got.Body)
			continue
		}
		require.Equal(t, len(w.said)-1, got.Edits)
		require.Equal(t, w.said, said(t, store, got))
	}
	requireRecounted(t, store, m.chat, want)
}

// said gives all that a message has said.
func said(t testing.TB, store chat.Store, m chat.Message) (all []string) {
	t.Helper()
	if m.Edits > 0 {
		versions, err := store.Versions(t.Context(), m.Chat, m.Number)
		require.NoError(t, err)
		for _, v := range versions {
			all = append(all, v.Body)
		}
	}
	return append(all, m.Body)
}

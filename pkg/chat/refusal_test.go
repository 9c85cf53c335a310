package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
)

func TestWhatIsWrongIsRefusedBeforeItIsSent(t *testing.T) {
	h := open(t) // nobody works
	a, _ := h.made(t)
	p := chat.Place{App: a.ID, Number: 1}
	long := strings.Repeat("é", chat.MaxBody+1)
	for name, c := range map[string]struct {
		act  chat.Act
		want fault.Code
	}{
		"no text":         {post(p, ""), fault.Invalid},
		"nothing visible": {post(p, " \n\u200b"), fault.Invalid},
		"a NUL":           {post(p, "a\x00"), fault.Invalid},
		"half a letter":   {post(p, "a\xff"), fault.Invalid},
		"a long text":     {post(p, long), fault.Invalid},
		"a long edit": {chat.Act{
			App: a.ID, Action: chat.Edit, Chat: 1, Message: 1, Body: long,
		}, fault.Invalid},
		"a wrong author": {chat.Act{
			App: a.ID, Action: chat.Post, Chat: 1, Body: "x", Author: "\x01",
		}, fault.Invalid},
		"a wrong kind":   {chat.Act{App: a.ID, Action: chat.Make, Kind: "room"}, fault.Invalid},
		"a wrong title":  {chat.Act{App: a.ID, Action: chat.Make, Title: "\n"}, fault.Invalid},
		"no marks":       {act(p, chat.Mark), fault.Invalid},
		"a wrong emoji":  {chat.Act{App: a.ID, Action: chat.React, Emoji: 5}, fault.Invalid},
		"an emoji below": {chat.Act{App: a.ID, Action: chat.React, Emoji: -1}, fault.Invalid},
		"no chat":        {post(chat.Place{App: a.ID}, "x"), fault.NotFound},
		"a chat below":   {post(chat.Place{App: a.ID, Number: -1}, "x"), fault.NotFound},
		"no message":     {act(p, chat.Delete), fault.NotFound},
		"no application": {post(chat.Place{App: uuid.New(), Number: 1}, "x"), fault.NotFound},
	} {
		_, err := h.Do(t.Context(), c.act, usual)
		require.Equal(t, c.want, fault.CodeOf(err), name)
	}
	_, err := h.Do(t.Context(), chat.Act{App: a.ID, Action: chat.Post, Author: "\x01"}, usual)
	require.Len(t, asFault(t, err).Wrongs, 2, "all wrong fields are named")
	_, err = h.Do(t.Context(), chat.Act{App: a.ID, Action: 77}, usual)
	require.Error(t, err)
	require.Zero(t, h.Waiting())
}

func asFault(t testing.TB, err error) *fault.Error {
	t.Helper()
	var e *fault.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestWhoMayNotIsToldWhy(t *testing.T) {
	h := open(t)
	h.work()
	p, q := h.chat(t, chat.Plain), h.chat(t, chat.Questions)
	for _, where := range []chat.Place{p, q} {
		_, err := h.Do(t.Context(), post(where, "one"), usual)
		require.NoError(t, err)
	}
	on := func(p chat.Place, does chat.Action, change func(*chat.Act)) chat.Act {
		a := act(p, does)
		a.Message, a.Body = 1, "edited"
		if change != nil {
			change(&a)
		}
		return a
	}
	another := func(a *chat.Act) { a.Person = uuid.New() }
	for name, c := range map[string]struct {
		act  chat.Act
		want fault.Code
	}{
		"another's edit":  {on(p, chat.Edit, another), chat.NotYours},
		"another's grave": {on(p, chat.Delete, another), chat.NotYours},
		"no message":      {on(p, chat.Edit, func(a *chat.Act) { a.Message = 2 }), fault.NotFound},
		"no chat":         {on(p, chat.Upvote, func(a *chat.Act) { a.Chat = 2 }), fault.NotFound},
		"no moderator": {on(p, chat.Mark, func(a *chat.Act) {
			a.Marks = chat.Pin
		}), chat.NotYours},
		"no question": {on(p, chat.Mark, func(a *chat.Act) {
			a.Marks, a.Trusted = chat.Answer, true
		}), chat.NotQuestions},
		"a question": {on(q, chat.Mark, func(a *chat.Act) {
			a.Marks, a.Trusted = chat.Answer, true
		}), fault.Code{}},
	} {
		_, err := h.Do(t.Context(), c.act, usual)
		require.Equal(t, c.want, fault.CodeOf(err), name)
	}
	_, err := h.Adjust(t.Context(), p, func(c *chat.Chat) error { c.Closed = true; return nil })
	require.NoError(t, err)
	_, err = h.Do(t.Context(), post(p, "two"), usual)
	require.Equal(t, chat.Closed, fault.CodeOf(err))
	_, err = h.Do(t.Context(), on(p, chat.Delete, nil), usual)
	require.NoError(t, err)
	_, err = h.Do(t.Context(), on(p, chat.Edit, nil), usual)
	require.Equal(t, chat.Erased, fault.CodeOf(err))
	require.NoError(t, h.Delete(t.Context(), p.App))
	_, err = h.Do(t.Context(), post(p, "three"), usual)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestAPersonReactsAFewTimesASecond(t *testing.T) {
	h := open(t)
	h.work()
	a, _ := h.made(t)
	slide, person := uuid.New(), uuid.New()
	react := chat.Act{App: a.ID, Action: chat.React, Slide: slide, Person: person, Emoji: 4}
	taken, refused := 0, 0
	for begun := time.Now(); refused == 0; {
		require.Less(t, time.Since(begun), 20*time.Second, "nobody is ever refused")
		_, err := h.Do(t.Context(), react, commit.Wait{Async: true})
		if err == nil {
			taken++
			continue
		}
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Equal(t, time.Second, asFault(t, err).Wait)
		refused++
	}
	require.GreaterOrEqual(t, taken, chat.MaxReactions)
	other := react
	other.Person = uuid.New()
	_, err := h.Do(t.Context(), other, usual)
	require.NoError(t, err, "another one may")
	found, err := h.store.Reactions(t.Context(), a.ID, []uuid.UUID{slide})
	require.NoError(t, err)
	require.Equal(t, chat.Reactions{4: int64(taken + 1)}, found[slide])
	_, err = h.Edit(t.Context(), a.ID, func(a *chat.Application) error {
		a.Reactions = false
		return nil
	})
	require.NoError(t, err)
	other.Person = uuid.New()
	_, err = h.Do(t.Context(), other, usual)
	require.Equal(t, chat.NoReactions, fault.CodeOf(err))
}

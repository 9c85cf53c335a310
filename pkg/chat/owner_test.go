package chat_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestAnApplicationIsFoundByItsTokenAlone(t *testing.T) {
	h := open(t)
	a, token := h.made(t)
	require.Equal(t, "Support", a.Name)
	require.Equal(t, queue.Partition(a.ID, partitions), a.Partition)
	require.WithinDuration(t, time.Now(), a.Created(), time.Minute)
	require.Len(t, token, 43, "256 bits")
	for range 2 { // from the store, and from memory
		got, err := h.Find(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, a, got)
	}
	for _, wrong := range []string{
		"", "x", token + "x", token[1:], a.ID.String(), "\xff", "a\x00",
	} {
		_, err := h.Find(t.Context(), wrong)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), "%q", wrong)
	}
	for _, name := range []string{"", " ", "\x00", "\xff"} {
		_, _, err := h.Create(t.Context(), chat.Application{Name: name})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", name)
		_, err = h.Edit(t.Context(), a.ID, func(a *chat.Application) error {
			a.Name = name
			return nil
		})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", name)
	}
	got, err := h.Find(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, a, got)
}

func TestASubjectHasOneApplicationAndNobodyATokenForIt(t *testing.T) {
	h := open(t)
	subject := uuid.New()
	_, err := h.Of(t.Context(), subject)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	a, token, err := h.Create(t.Context(), chat.Application{Name: "Talk", Subject: subject})
	require.NoError(t, err)
	require.Empty(t, token)
	for range 2 {
		got, err := h.Of(t.Context(), subject)
		require.NoError(t, err)
		require.Equal(t, a, got)
	}
	_, _, err = h.Create(t.Context(), chat.Application{Name: "Talk", Subject: subject})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	_, _, err = h.Rotate(t.Context(), a.ID)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.NoError(t, h.Delete(t.Context(), a.ID))
	_, err = h.Of(t.Context(), subject)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	again, _, err := h.Create(t.Context(), chat.Application{Name: "Talk", Subject: subject})
	require.NoError(t, err)
	got, err := h.Of(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, again, got)
}

func TestAnotherTokenEndsTheOneOfBeforeAndItsMembersAndKeepsTheChats(t *testing.T) {
	h := open(t)
	h.work()
	a, old := h.made(t)
	_, err := h.Do(t.Context(), chat.Act{App: a.ID, Action: chat.Make}, usual)
	require.NoError(t, err)
	_, err = h.Find(t.Context(), old)
	require.NoError(t, err)
	m, member, err := h.Admit(a, chat.Member{May: chat.MayWrite, Name: " Ada "})
	require.NoError(t, err)
	require.Equal(t, "Ada", m.Name)
	got, app, err := h.Member(t.Context(), member)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, a.ID, app.ID)

	rotated, token, err := h.Rotate(t.Context(), a.ID)
	require.NoError(t, err)
	require.NotEqual(t, old, token)
	_, err = h.Find(t.Context(), old)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, _, err = h.Member(t.Context(), member)
	require.Equal(t, chat.EndedMember, fault.CodeOf(err))
	found, err := h.Find(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, rotated, found)
	require.EqualValues(t, 1, found.Chats)
	_, _, err = h.Admit(found, chat.Member{May: chat.MayRead, Name: "\x00"})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, member, err = h.Admit(found, chat.Member{May: chat.MayRead, ID: uuid.UUID{15: 7}})
	require.NoError(t, err)
	got, _, err = h.Member(t.Context(), member)
	require.NoError(t, err)
	require.Equal(t, uuid.UUID{15: 7}, got.ID)
	require.NoError(t, h.Delete(t.Context(), a.ID))
	_, _, err = h.Member(t.Context(), member)
	require.Equal(t, chat.EndedMember, fault.CodeOf(err))
	_, _, err = h.Rotate(t.Context(), a.ID)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestWhatAnotherReplicaDoesHoldsWhenItIsHeardOfOrTheLeaseIsOver(t *testing.T) {
	h := open(t)
	a, token := h.made(t)
	_, err := h.Find(t.Context(), token)
	require.NoError(t, err)
	rotate := func(hash [32]byte) {
		_, err := h.store.Edit(t.Context(), a.ID, func(a *chat.Application) error {
			a.TokenHash = hash
			return nil
		})
		require.NoError(t, err)
	}
	rotate([32]byte{1})
	h.Heard(bus.Change{Thing: a.ID})
	_, err = h.Find(t.Context(), token)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	rotate(a.TokenHash)
	_, err = h.Find(t.Context(), token)
	require.NoError(t, err)
	rotate([32]byte{2})
	require.Eventually(t, func() bool {
		_, err := h.Find(t.Context(), token)
		return fault.CodeOf(err) == fault.NotFound
	}, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, h.store.Delete(t.Context(), a.ID))
	h.Heard(bus.Change{})
	_, err = h.Application(t.Context(), a.ID)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestAChatsSettingsAreCheckedAndAnnounced(t *testing.T) {
	h := open(t)
	h.work()
	p := h.chat(t, chat.Questions)
	heard := h.spine.Bus.Subscribe(t.Context())
	c, err := h.Adjust(t.Context(), p, func(c *chat.Chat) error {
		c.Settings = chat.Settings{Title: " Ask  me ", Moderated: true}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, chat.Settings{Title: "Ask me", Moderated: true}, c.Settings)
	want := bus.Change{Thing: p.App, Part: c.ID, Revision: c.Revision}
	for change := range heard {
		if change == want { // what the worker tells may come late
			break
		}
	}
	_, err = h.Adjust(t.Context(), p, func(c *chat.Chat) error { c.Title = "\x00"; return nil })
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	told, err := h.Do(t.Context(), post(p, "why?"), usual)
	require.NoError(t, err)
	require.Equal(t, chat.Result{Verdict: chat.Held, Number: 1}, told.Result)
	_, err = h.Do(t.Context(), chat.Act{App: p.App, Chat: 1, Action: chat.Mark, Message: 1,
		Marks: chat.Show, Trusted: true}, commit.Wait{For: commit.Deadline})
	require.NoError(t, err)
	got, err := h.store.Chat(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, chat.Counts{Last: 1, Messages: 1, Shown: 1}, got.Counts)
}

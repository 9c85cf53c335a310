package polltest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// talks proves that a presentation names a talk, and that its slide says so when the last poll is
// over.
func (s *suite) talks(t *testing.T) {
	store := s.store(t)
	talkID := uuid.MustParse("01931c6e-7a1c-7d30-8d5f-0c6a43c8f7aa")
	named := func(t *testing.T, id uuid.UUID) poll.Presentation {
		t.Helper()
		p := newPresentation(t)
		p.TalkID = id
		require.NoError(t, store.Create(t.Context(), p))
		return p
	}
	read := func(t *testing.T, p poll.Presentation) uuid.UUID {
		t.Helper()
		found, _, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		return found.TalkID
	}
	toRate := func(t *testing.T, p poll.Presentation) uuid.UUID {
		t.Helper()
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		return d.TalkID
	}

	t.Run("a talk is read as it was written, and as it was edited", func(t *testing.T) {
		p := named(t, talkID)
		require.Equal(t, talkID, read(t, p))
		other := uuid.New()
		for _, id := range []uuid.UUID{other, uuid.Nil, talkID} {
			edited, err := store.Edit(t.Context(), p.ID, poll.EditPresentation{TalkID: &id})
			require.NoError(t, err)
			require.True(t, edited.Changed)
			require.Equal(t, id, read(t, p))
			edited, err = store.Edit(t.Context(), p.ID, poll.EditPresentation{TalkID: &id})
			require.NoError(t, err)
			require.False(t, edited.Changed, "it was like that already")
		}
		_, err := store.Edit(t.Context(), p.ID, poll.EditPresentation{Title: new("Another")})
		require.NoError(t, err)
		require.Equal(t, talkID, read(t, p), "what is left out stays")
	})

	t.Run("a slide names the talk while the last poll is over", func(t *testing.T) {
		p, silent := named(t, talkID), named(t, uuid.Nil)
		last := poll.Move{To: poll.ToPoll, PollID: p.Polls[2].ID}
		require.Equal(t, uuid.Nil, toRate(t, p), "nothing was displayed yet")
		for i, step := range []struct {
			move poll.Move
			over bool
		}{
			{poll.Move{To: poll.ToNext}, false}, {poll.Move{To: poll.ToNothing}, false},
			{poll.Move{To: poll.ToNext}, false}, {last, false},
			{poll.Move{To: poll.ToClosed}, true}, {poll.Move{To: poll.ToOpen}, false},
			{poll.Move{To: poll.ToNothing}, true}, {poll.Move{To: poll.ToPrevious}, false},
			{poll.Move{To: poll.ToPrevious}, false},
		} {
			want := uuid.Nil
			if step.over {
				want = talkID
			}
			turn, err := store.Transit(t.Context(), p.ID, step.move, nil)
			require.NoError(t, err)
			require.Equal(t, want, turn.TalkID, "step %d", i)
			require.Equal(t, want, toRate(t, p), "step %d", i)
			if step.move.To == poll.ToPoll {
				step.move.PollID = silent.Polls[2].ID
			}
			turn, err = store.Transit(t.Context(), silent.ID, step.move, nil)
			require.NoError(t, err)
			require.Equal(t, uuid.Nil, turn.TalkID, "step %d names no talk", i)
			require.Equal(t, uuid.Nil, toRate(t, silent), "step %d names no talk", i)
		}
	})

	t.Run("a poll behind the last one takes the talk off the slide", func(t *testing.T) {
		p := named(t, talkID)
		show(t, store, p, 2)
		_, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNothing}, nil)
		require.NoError(t, err)
		require.Equal(t, talkID, toRate(t, p))
		_, err = store.Edit(t.Context(), p.ID, poll.AddPoll{Poll: threePolls()[0]})
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, toRate(t, p))
	})
}

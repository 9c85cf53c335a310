package talktest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

func (s Suite) comments(t *testing.T) {
	store := s.Open(t)
	listed := func(t *testing.T, one talk.Talk) []talk.Comment {
		all, err := store.Comments(t.Context(), one.ID, uuid.Nil, 100)
		require.NoError(t, err)
		return all
	}
	t.Run("the newest come first, page by page", func(t *testing.T) {
		one := created(t, store, nil)
		require.Empty(t, listed(t, one))
		var want []talk.Comment
		for i := range 7 {
			r := commented(one, person(byte(i)), 1+i%5, strings.Repeat("ä\n", i)+"ß")
			r.ID = uuid.UUID{5: byte(i + 1)}
			s.count(t, store, r, rating(one, person(byte(100+i)), 3))
			want = slices.Insert(want, 0, talk.Comment{ID: r.ID, Text: r.Comment, Value: r.Value})
		}
		require.Equal(t, want, listed(t, one))
		var got []talk.Comment
		before := uuid.Nil
		for {
			page, err := store.Comments(t.Context(), one.ID, before, 3)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			before = page[len(page)-1].ID
		}
		require.Equal(t, want, got)
	})
	t.Run("a comment goes with the rating that another takes the place of", func(t *testing.T) {
		one := created(t, store, nil)
		first := commented(one, person(1), 2, "Too long")
		s.count(t, store, first)
		s.count(t, store, commented(one, person(1), 3, "Too long"))
		require.Equal(
			t,
			[]talk.Comment{{ID: first.ID, Text: "Too long", Value: 3}},
			listed(t, one),
			"what is said again stays what it is",
		)
		another := commented(one, person(1), 3, "Fine")
		s.count(t, store, another)
		require.Equal(t, []talk.Comment{{ID: another.ID, Text: "Fine", Value: 3}}, listed(t, one))
		s.count(t, store, rating(one, person(1), 3))
		require.Empty(t, listed(t, one))
	})
	t.Run("hiding one and showing it again", func(t *testing.T) {
		one := created(t, store, nil)
		r := commented(one, person(1), 2, "Rude")
		s.count(t, store, r)
		for i, hidden := range []bool{true, true, false, false} {
			c, revision, err := store.Hide(t.Context(), one.ID, r.ID, hidden)
			require.NoError(t, err)
			require.Equal(t, talk.Comment{ID: r.ID, Text: "Rude", Hidden: hidden, Value: 2}, c)
			require.EqualValues(t, 2+i/2, revision, "it is raised by a change alone")
			require.Equal(t, []talk.Comment{c}, listed(t, one))
			require.Equal(t, revision, read(t, store, one.ID).Revision)
		}
		_, _, err := store.Hide(t.Context(), one.ID, r.ID, true)
		require.NoError(t, err)
		s.count(t, store, commented(one, person(1), 5, "Rude"))
		require.True(t, listed(t, one)[0].Hidden, "who rates again does not bring it back")
		other := created(t, store, nil)
		_, _, err = store.Hide(t.Context(), other.ID, r.ID, true)
		requireKind(t, fault.NotFound, err)
	})
	t.Run("where comments are moderated a new one is hidden", func(t *testing.T) {
		one := created(t, store, func(x *talk.Talk) { x.Comments = talk.Moderated })
		s.count(t, store, commented(one, person(1), 2, "First"))
		require.True(t, listed(t, one)[0].Hidden)
	})
	t.Run("a talk's comments go with it", func(t *testing.T) {
		one := created(t, store, nil)
		s.count(t, store, commented(one, person(1), 2, "Gone"))
		require.NoError(t, store.Delete(t.Context(), one.ID))
		require.NoError(t, store.Create(t.Context(), one))
		require.Empty(t, listed(t, one))
	})
}

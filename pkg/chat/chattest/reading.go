package chattest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
)

// listed reads all of a range, and gives the numbers in that order.
func listed(t testing.TB, store chat.Store, r chat.Range) (numbers []int64) {
	t.Helper()
	for {
		page, rest, err := store.Messages(t.Context(), r)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), r.Limit)
		for _, m := range page {
			numbers = append(numbers, m.Number)
		}
		switch {
		case rest == 0:
			return numbers
		case r.Before > 0:
			require.Less(t, rest, r.Before, "it gets on")
			r.Before = rest
		default:
			require.Greater(t, rest, r.After, "it gets on")
			r.After = rest
		}
	}
}

func (s Suite) lists(t *testing.T) {
	store := s.Open(t)
	c, other := opened(t, store, nil), opened(t, store, nil)
	require.Empty(t, listed(t, store, chat.Range{Chat: c.ID, Limit: 5}))
	require.Empty(t, listed(t, store, chat.Range{Chat: commit.NewID(), Limit: 5}))
	for n := range 23 {
		posted(t, store, c, fmt.Sprint(n+1))
		posted(t, store, other, "x")
	}
	for _, n := range []int64{3, 4, 22, 23} {
		does(t, store, chat.Done, mark(c, n, chat.Hide))
	}
	does(t, store, chat.Done, on(c, 7, chat.Delete, 1))
	for sees, left := range map[chat.Sees]func(n int64) bool{
		chat.Public:     func(n int64) bool { return n != 3 && n != 4 && n < 22 },
		chat.Everything: func(int64) bool { return true },
		chat.ToModerate: func(int64) bool { return false },
	} {
		var want []int64
		for n := int64(1); n <= 23; n++ {
			if left(n) {
				want = append(want, n)
			}
		}
		backwards := slices.Clone(want)
		slices.Reverse(backwards)
		for limit := 1; limit <= 24; limit++ {
			r := chat.Range{Chat: c.ID, Sees: sees, Limit: limit}
			require.Equal(t, want, listed(t, store, r), "%d at a time", limit)
			r.Before = 24
			require.Equal(t, backwards, listed(t, store, r), "%d at a time", limit)
		}
	}
	r := chat.Range{Chat: c.ID, After: 9, Before: 13, Limit: 2}
	require.Equal(t, []int64{12, 11, 10}, listed(t, store, r))
	page, rest, err := store.Messages(t.Context(), chat.Range{Chat: c.ID, After: 5, Limit: 2})
	require.NoError(t, err)
	require.EqualValues(t, 7, rest)
	require.Equal(t, "6", page[0].Body)
	require.Equal(t, chat.Deleted, page[1].State)

	t.Run("what waits for a moderator", func(t *testing.T) {
		c := opened(t, store, moderated)
		for n := range 9 {
			i := post(c, 1, "x")
			i.Trusted = n%3 == 0
			count(t, store, batch(i))
		}
		r := chat.Range{Chat: c.ID, Sees: chat.ToModerate, Limit: 4}
		require.Equal(t, []int64{2, 3, 5, 6, 8, 9}, listed(t, store, r))
		r.Before = 9
		require.Equal(t, []int64{8, 6, 5, 3, 2}, listed(t, store, r))
		r.Before, r.Sees = 0, chat.Public
		require.Equal(t, []int64{1, 4, 7}, listed(t, store, r))
	})
}

func (s Suite) ranked(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, questions)
	for range 9 {
		posted(t, store, c, "?")
	}
	for n, votes := range map[int64]byte{2: 3, 4: 3, 5: 1, 8: 2, 9: 3} {
		for who := range votes {
			does(t, store, chat.Done, on(c, n, chat.Upvote, who+1))
		}
	}
	does(t, store, chat.Done, mark(c, 3, chat.Pin))
	does(t, store, chat.Done, mark(c, 5, chat.Pin))
	does(t, store, chat.Done, mark(c, 6, chat.Hide))
	does(t, store, chat.Done, mark(c, 9, chat.Answer))
	does(t, store, chat.Done, on(c, 7, chat.Delete, 1))
	for answered, want := range map[bool][]int64{
		false: {5, 3, 2, 4, 8, 1}, true: {9},
	} {
		for limit := 1; limit <= 7; limit++ {
			var got []int64
			r := chat.Ranking{Chat: c.ID, Answered: answered, Limit: limit}
			for {
				page, err := store.Ranked(t.Context(), r)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), limit)
				if len(page) == 0 {
					break
				}
				for _, m := range page {
					got = append(got, m.Number)
				}
				last := page[len(page)-1]
				r.After = &chat.Rank{Pinned: last.Pinned, Votes: last.Votes, Number: last.Number}
			}
			require.Equal(t, want, got, "%d at a time", limit)
		}
	}
	plain := opened(t, store, nil)
	posted(t, store, plain, "no question")
	page, err := store.Ranked(t.Context(), chat.Ranking{Chat: plain.ID, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, page)
}

func (s Suite) changes(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	posted(t, store, c, "1", "2", "3", "4")
	begun := read(t, store, placeOf(c)).Revision
	changed := func(revision int64, limit int) (numbers []int64) {
		all, err := store.Changed(t.Context(), c.ID, revision, limit)
		require.NoError(t, err)
		for _, m := range all {
			numbers = append(numbers, m.Number)
		}
		return numbers
	}
	require.Empty(t, changed(0, 10), "they are as they were when they got their number")
	does(t, store, chat.Done, edit(c, 3, 1, "drei"))
	does(t, store, chat.Done, on(c, 1, chat.Upvote, 2))
	count(t, store, batch(mark(c, 4, chat.Hide), on(c, 2, chat.Delete, 1), post(c, 1, "5")))
	require.Equal(t, []int64{3, 1, 2, 4}, changed(begun, 10))
	require.Equal(t, []int64{3, 1}, changed(begun, 2))
	require.Equal(t, []int64{2, 4}, changed(begun+2, 10))
	require.Empty(t, changed(read(t, store, placeOf(c)).Revision, 10))
}

func (s Suite) markers(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	unread := func(limit int) [2]int64 {
		marker, n, err := store.Unread(t.Context(), c.ID, person(1), limit)
		require.NoError(t, err)
		return [2]int64{marker, int64(n)}
	}
	require.Equal(t, [2]int64{0, 0}, unread(9))
	posted(t, store, c, "1", "2", "3", "4", "5")
	require.Equal(t, [2]int64{0, 5}, unread(9))
	require.Equal(t, [2]int64{0, 3}, unread(3))
	require.NoError(t, store.Read(t.Context(), c.ID, person(1), 2))
	require.Equal(t, [2]int64{2, 3}, unread(9))
	require.NoError(t, store.Read(t.Context(), c.ID, person(1), 1))
	require.Equal(t, [2]int64{2, 3}, unread(9), "it never goes back")
	does(t, store, chat.Done, on(c, 4, chat.Delete, 1))
	require.Equal(t, [2]int64{2, 2}, unread(9))
	require.NoError(t, store.Read(t.Context(), c.ID, person(1), 1<<62))
	require.Equal(t, [2]int64{5, 0}, unread(9), "up to the newest one")
	posted(t, store, c, "6")
	require.Equal(t, [2]int64{5, 1}, unread(9))
	require.NoError(t, store.Read(t.Context(), commit.NewID(), person(1), 1))
	marker, n, err := store.Unread(t.Context(), c.ID, person(2), 9)
	require.NoError(t, err)
	require.Equal(t, [2]int64{0, 5}, [2]int64{marker, int64(n)}, "another's marker")
}

package talktest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

func (s Suite) owners(t *testing.T) {
	store := s.Open(t)
	mine, other := talk.Importer{Account: uuid.New()}, talk.Importer{Account: uuid.New()}
	owned := func(t *testing.T, by talk.Importer, limit int) (all []talk.Talk) {
		before := uuid.Nil
		for {
			page, err := store.Owned(t.Context(), by, before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				return all
			}
			all = append(all, page...)
			before = page[len(page)-1].ID
		}
	}
	t.Run("an account's own are listed page by page, the newest first", func(t *testing.T) {
		var want []talk.Talk
		for range 5 {
			one := created(t, store, func(x *talk.Talk) { x.Account = mine.Account })
			want = append(want, one)
			created(t, store, nil)
		}
		want = byID(want...)
		slices.Reverse(want)
		for limit := 1; limit <= 6; limit++ {
			require.Equal(t, want, owned(t, mine, limit))
		}
		require.Empty(t, owned(t, other, 10))
		require.Empty(t, owned(t, talk.Importer{}, 10), "what has no account is nobody's")
	})
	t.Run("an edit says whose it is", func(t *testing.T) {
		one := created(t, store, nil)
		edited, err := store.Edit(t.Context(), one.ID, func(x *talk.Talk) error {
			x.Account = other.Account
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, edited, read(t, store, one.ID))
		require.Equal(t, []talk.Talk{edited}, owned(t, other, 10))
	})
	t.Run("a token's are those that were imported with it", func(t *testing.T) {
		by := talk.Importer{Token: "a token"}
		one := imported(t, by, "a")
		require.NoError(t, store.Create(t.Context(), one))
		require.Equal(t, []talk.Talk{one}, owned(t, by, 10))
		require.Empty(t, owned(t, talk.Importer{Token: "another"}, 10))
	})
}

// byID gives talks in the order of their ids.
func byID(all ...talk.Talk) []talk.Talk {
	slices.SortFunc(all, func(a, b talk.Talk) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return all
}

// imported gives a talk that somebody may import.
func imported(t testing.TB, by talk.Importer, source string) talk.Talk {
	one := newTalk(t, nil)
	one.Account, one.Origin = by.Account, talk.Origin{Importer: by.Hash(), Source: source}
	return one
}

// nothing imports nothing.
func nothing([]talk.Talk) (made, edited []talk.Talk, err error) { return nil, nil, nil }

func (s Suite) imports(t *testing.T) {
	store := s.Open(t)
	found := func(t *testing.T, by talk.Importer, sources ...string) (all []talk.Talk) {
		err := store.Import(t.Context(), by, sources,
			func(f []talk.Talk) (made, edited []talk.Talk, err error) {
				all = f
				return nil, nil, nil
			})
		require.NoError(t, err)
		return all
	}
	token, account := talk.Importer{Token: "a token"}, talk.Importer{Account: uuid.New()}
	a, b := imported(t, token, "a"), imported(t, token, "b")
	t.Run("what is made is found by its importer and its source", func(t *testing.T) {
		err := store.Import(t.Context(), token, []string{"a", "b"},
			func(f []talk.Talk) (made, edited []talk.Talk, err error) {
				require.Empty(t, f)
				return []talk.Talk{a, b}, nil, nil
			})
		require.NoError(t, err)
		require.Equal(t, a, read(t, store, a.ID))
		require.Equal(t, byID(a, b), found(t, token, "b", "c", "a"))
		require.Equal(t, []talk.Talk{b}, found(t, token, "b"))
		require.Empty(t, found(t, token))
		require.Empty(t, found(t, account, "a", "b"))
		require.Empty(t, found(t, talk.Importer{Token: "another"}, "a", "b"))
	})
	t.Run("what is edited keeps its ratings, with one edit more", func(t *testing.T) {
		s.count(t, store, rating(a, person(1), 4))
		c := imported(t, token, "c")
		err := store.Import(t.Context(), token, []string{"a", "c"},
			func(f []talk.Talk) (made, edited []talk.Talk, err error) {
				f[0].Title = "Another"
				return []talk.Talk{c}, f, nil
			})
		require.NoError(t, err)
		now := read(t, store, a.ID)
		require.Equal(t, "Another", now.Title)
		require.EqualValues(t, 1, now.Edits)
		require.Equal(t, talk.Tally{3: 1}, now.Tally)
		require.Equal(t, b, read(t, store, b.ID), "and no other")
		require.Equal(t, c, read(t, store, c.ID))
	})
	t.Run("all of it or nothing", func(t *testing.T) {
		before := read(t, store, a.ID)
		fresh, taken := imported(t, token, "d"), imported(t, token, "e")
		taken.Code = b.Code
		no := fault.Errorf(fault.Invalid, "no")
		for _, c := range []struct {
			made []talk.Talk
			err  error
			kind fault.Code
		}{
			{[]talk.Talk{fresh, taken}, nil, fault.Conflict},
			{[]talk.Talk{fresh, imported(t, token, "b")}, nil, fault.Conflict},
			{[]talk.Talk{fresh}, no, fault.Invalid},
		} {
			err := store.Import(t.Context(), token, []string{"a"},
				func(f []talk.Talk) (made, edited []talk.Talk, err error) {
					f[0].Title = "Never"
					return c.made, f, c.err
				})
			requireKind(t, c.kind, err)
			require.Equal(t, before, read(t, store, a.ID))
			_, err = store.Talk(t.Context(), fresh.ID)
			requireKind(t, fault.NotFound, err)
		}
	})
	t.Run("an account finds what it came to own, and its own import first", func(t *testing.T) {
		claimed, err := store.Edit(t.Context(), b.ID, func(x *talk.Talk) error {
			x.Account = account.Account
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []talk.Talk{claimed}, found(t, account, "a", "b"))
		own := imported(t, account, "b")
		require.NoError(t, store.Create(t.Context(), own))
		require.Equal(t, []talk.Talk{own, claimed}, found(t, account, "b"))
		require.Equal(t, []talk.Talk{claimed}, found(t, token, "b"))
	})
	t.Run("a file that comes many times at once makes its talks once", func(t *testing.T) {
		by := talk.Importer{Token: "together"}
		var made atomic.Int32
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				err := store.Import(t.Context(), by, []string{"x", "y"},
					func(f []talk.Talk) (fresh, edited []talk.Talk, err error) {
						if len(f) == 2 {
							return nil, f, nil
						}
						return []talk.Talk{imported(t, by, "x"), imported(t, by, "y")}, nil, nil
					})
				if err == nil {
					made.Add(1)
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Positive(t, made.Load())
		require.Len(t, found(t, by, "x", "y"), 2)
	})
	t.Run("as many as a file may have", func(t *testing.T) {
		by := talk.Importer{Token: "many"}
		var sources []string
		var want []talk.Talk
		for i := range talk.MaxImport {
			sources = append(sources, fmt.Sprintf("%d ü\"', {}", i))
			want = append(want, imported(t, by, sources[i]))
		}
		err := store.Import(t.Context(), by, sources,
			func([]talk.Talk) (made, edited []talk.Talk, err error) { return want, nil, nil })
		require.NoError(t, err)
		require.Equal(t, byID(want...), found(t, by, sources...))
	})
}

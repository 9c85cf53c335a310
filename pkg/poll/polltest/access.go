package polltest

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// newHash gives a hash that is no other one's.
func newHash() (hash [32]byte) {
	_, _ = rand.Read(hash[:]) // never fails
	return hash
}

func (s *suite) access(t *testing.T) {
	store := s.store(t)
	requireAccess := func(t *testing.T, want access.Tokens, id uuid.UUID) {
		t.Helper()
		got, err := store.Access(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, got)
		d, err := store.Display(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, &want, d.Tokens)
		p, _, err := store.Presentation(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, p.Tokens)
	}

	t.Run("what the tokens hash to is read back", func(t *testing.T) {
		p := created(t, store)
		requireAccess(t, p.Tokens, p.ID)
		withRemote := newPresentation(t)
		withRemote.RemoteHash = newHash()
		require.NoError(t, store.Create(t.Context(), withRemote))
		requireAccess(t, withRemote.Tokens, withRemote.ID)
	})

	t.Run("the tokens are replaced for whoever knows the present one", func(t *testing.T) {
		p, other := created(t, store), created(t, store)
		first := access.Tokens{TokenHash: p.TokenHash, RemoteHash: newHash()}
		require.NoError(t, store.SetAccess(t.Context(), p.ID, p.TokenHash, first))
		requireAccess(t, first, p.ID)
		second := access.Tokens{TokenHash: newHash()}
		require.NoError(t, store.SetAccess(t.Context(), p.ID, p.TokenHash, second))
		requireAccess(t, second, p.ID)
		requireKind(t, fault.Stale, store.SetAccess(t.Context(), p.ID, p.TokenHash, first))
		requireAccess(t, second, p.ID)
		requireAccess(t, other.Tokens, other.ID)
	})

	t.Run("an account lists its own, the newest first, page by page", func(t *testing.T) {
		mine, others := uuid.New(), uuid.New()
		var want []poll.Owned
		for i := range 5 {
			p := newPresentation(t)
			p.Account = mine
			require.NoError(t, store.Create(t.Context(), p))
			requireAccess(t, p.Tokens, p.ID)
			want = append([]poll.Owned{{ID: p.ID, Title: p.Title, JoinCode: p.JoinCode}}, want...)
			q := newPresentation(t)
			if q.Account = others; i == 0 {
				q.Account = uuid.Nil
			}
			require.NoError(t, store.Create(t.Context(), q))
		}
		var got []poll.Owned
		for before := uuid.Nil; ; before = got[len(got)-1].ID {
			page, err := store.Owned(t.Context(), mine, before, 2)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 2)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		require.Equal(t, want, got)
		none, err := store.Owned(t.Context(), uuid.New(), uuid.Nil, 2)
		require.NoError(t, err)
		require.Empty(t, none)
		nobodys, err := store.Owned(t.Context(), uuid.Nil, uuid.Nil, 2)
		require.NoError(t, err)
		require.Empty(t, nobodys, "what has no account is nobody's")
	})

	t.Run("an account takes over with the tokens", func(t *testing.T) {
		p := created(t, store)
		taken := p.Tokens
		taken.Account = uuid.New()
		require.NoError(t, store.SetAccess(t.Context(), p.ID, p.TokenHash, taken))
		requireAccess(t, taken, p.ID)
		owned, err := store.Owned(t.Context(), taken.Account, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, owned, 1)
	})

	t.Run("of many who replace the same token one does", func(t *testing.T) {
		p := created(t, store)
		var replaced atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := store.SetAccess(t.Context(), p.ID, p.TokenHash,
					access.Tokens{TokenHash: newHash()})
				if err == nil {
					replaced.Add(1)
				} else if fault.CodeOf(err) != fault.Stale {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, replaced.Load())
	})

	t.Run("a new join code is found and displayed, and the old one names nothing",
		func(t *testing.T) {
			p, other := created(t, store), created(t, store)
			code := rand.Text()
			require.NoError(t, store.SetJoinCode(t.Context(), p.ID, code))
			id, _, err := store.Join(t.Context(), code)
			require.NoError(t, err)
			require.Equal(t, p.ID, id)
			_, _, err = store.Join(t.Context(), p.JoinCode)
			requireKind(t, fault.NotFound, err)
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, code, d.JoinCode)

			requireKind(t, fault.Conflict, store.SetJoinCode(t.Context(), p.ID, other.JoinCode))
			id, _, err = store.Join(t.Context(), other.JoinCode)
			require.NoError(t, err)
			require.Equal(t, other.ID, id)
			again := newPresentation(t)
			again.JoinCode = p.JoinCode // which is free
			require.NoError(t, store.Create(t.Context(), again))
		})
}

package polltest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) presence(t *testing.T) {
	store := s.store(t)
	one, other := uuid.New(), uuid.New() // replicas
	ids := func(n int) []uuid.UUID {
		list := make([]uuid.UUID, n)
		for i := range list {
			list[i] = uuid.New()
		}
		return list
	}
	said := func(t *testing.T, replica uuid.UUID, viewers map[uuid.UUID]int) {
		t.Helper()
		require.NoError(t, store.Present(t.Context(), replica, rooms(viewers), time.Hour))
	}
	connected := func(t *testing.T, store Store, id uuid.UUID) int {
		t.Helper()
		n, err := store.Audiences(t.Context(), []uuid.UUID{id}, time.Hour)
		require.NoError(t, err)
		for found := range n {
			require.Equal(t, id, found, "nobody asked for it")
		}
		return n[id].Viewers
	}

	t.Run("what replicas say adds up", func(t *testing.T) {
		p := ids(3)
		said(t, one, map[uuid.UUID]int{p[0]: 5, p[1]: 7})
		said(t, other, map[uuid.UUID]int{p[0]: 2, p[2]: 1 << 20})
		n, err := store.Audiences(t.Context(), append(p, uuid.New()), time.Hour)
		require.NoError(t, err)
		for i, want := range []int{7, 7, 1 << 20} {
			require.Equal(t, want, n[p[i]].Viewers)
		}
		require.LessOrEqual(t, len(n), 4)
	})

	t.Run("what a replica says stands in place of what it said before, for the presentations "+
		"that it names", func(t *testing.T) {
		p := ids(2)
		said(t, one, map[uuid.UUID]int{p[0]: 5, p[1]: 5})
		said(t, other, map[uuid.UUID]int{p[0]: 1})
		said(t, one, map[uuid.UUID]int{p[0]: 3})
		require.Equal(t, 4, connected(t, store, p[0]))
		require.Equal(t, 5, connected(t, store, p[1]))
		said(t, one, map[uuid.UUID]int{p[0]: 0})
		said(t, one, nil)
		said(t, one, map[uuid.UUID]int{})
		require.Equal(t, 1, connected(t, store, p[0]))
		said(t, other, map[uuid.UUID]int{p[0]: 0})
		require.Zero(t, connected(t, store, p[0]))
	})

	t.Run("what was said too long ago does not count", func(t *testing.T) {
		p := ids(1)
		said(t, one, map[uuid.UUID]int{p[0]: 5})
		n, err := store.Audiences(t.Context(), p, -time.Hour)
		require.NoError(t, err)
		require.Zero(t, n[p[0]].Viewers)
		require.Eventually(t, func() bool {
			n, err := store.Audiences(t.Context(), p, 50*time.Millisecond)
			return err == nil && n[p[0]].Viewers == 0
		}, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, 5, connected(t, store, p[0]))
		said(t, one, map[uuid.UUID]int{p[0]: 5})
		n, err = store.Audiences(t.Context(), p, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, 5, n[p[0]].Viewers, "saying it again makes it new")
	})

	t.Run("and is dropped, whoever said it", func(t *testing.T) {
		p := ids(2)
		said(t, one, map[uuid.UUID]int{p[0]: 5})
		said(t, other, map[uuid.UUID]int{p[0]: 5})
		require.NoError(t, store.Present(t.Context(), one,
			rooms(map[uuid.UUID]int{p[1]: 1}), -time.Hour))
		require.Zero(t, connected(t, store, p[0]))
		require.Equal(t, 1, connected(t, store, p[1]), "but not what is said now")
	})

	t.Run("what one address got adds up over replicas, and others' does not", func(t *testing.T) {
		p := ids(2)
		say := func(replica uuid.UUID, most int, by int64) {
			t.Helper()
			require.NoError(t, store.Present(t.Context(), replica,
				map[uuid.UUID]poll.Presence{p[0]: {Viewers: 1, Most: most, MostBy: by}}, time.Hour))
		}
		audience := func() poll.Audience {
			t.Helper()
			all, err := store.Audiences(t.Context(), p, time.Hour)
			require.NoError(t, err)
			require.Zero(t, all[p[1]])
			return all[p[0]]
		}
		say(one, 5, -1)
		say(other, 7, 1)
		require.Equal(t, poll.Audience{Viewers: 2, Most: 7}, audience())
		say(other, 4, -1)
		require.Equal(t, poll.Audience{Viewers: 2, Most: 9}, audience())
		say(one, 0, 0)
		require.Equal(t, poll.Audience{Viewers: 2, Most: 4}, audience())
	})

	t.Run("nobody asks for nothing", func(t *testing.T) {
		n, err := store.Audiences(t.Context(), nil, time.Hour)
		require.NoError(t, err)
		require.Empty(t, n)
	})

	t.Run("a thousand presentations are one call", func(t *testing.T) {
		viewers := map[uuid.UUID]int{}
		p := ids(1000)
		for i, id := range p {
			viewers[id] = i + 1
		}
		said(t, one, viewers)
		n, err := store.Audiences(t.Context(), p, time.Hour)
		require.NoError(t, err)
		for id, want := range viewers {
			require.Equal(t, want, n[id].Viewers)
		}
	})

	t.Run("many replicas speak at once, while each drops what the others have just said",
		func(t *testing.T) {
			stores := []Store{store}
			if s.again != nil {
				second := s.again(t, store)
				t.Cleanup(func() { require.NoError(t, second.Close()) })
				stores = append(stores, second)
			}
			const replicas, times = 8, 10
			p := ids(20)
			viewers := map[uuid.UUID]int{}
			for _, id := range p {
				viewers[id] = 3
			}
			var speaking sync.WaitGroup
			errs := make(chan error, replicas*times)
			names := ids(replicas)
			for i, replica := range names {
				speaking.Go(func() {
					for range times {
						errs <- stores[i%len(stores)].Present(t.Context(), replica,
							rooms(viewers), 0)
					}
				})
			}
			speaking.Wait()
			for range cap(errs) {
				require.NoError(t, <-errs)
			}
			for _, replica := range names {
				said(t, replica, viewers)
			}
			for _, store := range stores {
				for _, id := range p {
					require.Equal(t, 3*replicas, connected(t, store, id))
				}
			}
		})
}

// rooms gives presence of viewers alone.
func rooms(viewers map[uuid.UUID]int) map[uuid.UUID]poll.Presence {
	all := map[uuid.UUID]poll.Presence{}
	for id, n := range viewers {
		all[id] = poll.Presence{Viewers: n}
	}
	return all
}

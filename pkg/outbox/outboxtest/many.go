package outboxtest

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// workers has several claim at once, of integrations with and without an order.
func (s Suite) workers(t *testing.T) {
	store := s.Open(t)
	added(t, store, thing(1), nil)
	added(t, store, thing(1), func(i *outbox.Integration) { i.Ordered = true })
	const subjects, each, claimers = 10, 6, 6
	for n := range subjects * each {
		s.put(t, store, fact(thing(1), created, strconv.Itoa(n%subjects)))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	last := map[string]int64{}
	left := 2 * subjects * each
	for range claimers {
		all.Go(func() {
			for {
				jobs, err := store.Claim(t.Context(), outbox.Claim{
					Sink: "hook", Now: now, Lease: minute, Jobs: 2, Each: 7,
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, j := range jobs {
					for _, d := range j.Deliveries {
						seen[d.ID]++
						left--
						if key := d.Subject; j.Integration.Ordered {
							if d.Place < last[key] {
								t.Errorf("%s: %d after %d", key, d.Place, last[key])
							}
							last[key] = d.Place
						}
					}
				}
				done := left <= 0
				mu.Unlock()
				if err := store.Settle(t.Context(),
					settled(jobs, outbox.Delivered, now)); err != nil {
					t.Error(err)
				}
				if done {
					return
				}
			}
		})
	}
	all.Wait()
	require.Len(t, seen, 2*subjects*each)
	for id, n := range seen {
		require.Equal(t, 1, n, "%s is claimed once", id)
	}
	b, err := store.Backlog(t.Context(), "hook")
	require.NoError(t, err)
	require.Zero(t, b)
}

func (s Suite) reading(t *testing.T) {
	store := s.Open(t)
	i, other := added(t, store, thing(1), nil), added(t, store, thing(2), nil)
	var want []uuid.UUID
	for range 5 {
		f := fact(thing(1), created, "a")
		s.put(t, store, f, fact(thing(2), created, "a"))
		want = append([]uuid.UUID{f.ID}, want...)
	}
	for limit := 1; limit <= 6; limit++ {
		var got []uuid.UUID
		for before := int64(0); ; {
			page, err := store.Deliveries(t.Context(), i.ID, before, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				got, before = append(got, d.Fact.ID), d.Place
			}
		}
		require.Equal(t, want, got, "%d at a time", limit)
	}
	jobs := claim(t, store, nil)
	require.NoError(t, store.Settle(t.Context(), settled(jobs, outbox.Failed, now)))
	require.Empty(t, claim(t, store, func(c *outbox.Claim) { c.Now = now.Add(time.Hour) }))
	retry := func(integration, id uuid.UUID, want int) {
		n, err := store.Retry(t.Context(), integration, id, now)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	all, err := store.Deliveries(t.Context(), i.ID, 0, 9)
	require.NoError(t, err)
	retry(other.ID, all[0].ID, 0)
	retry(i.ID, all[0].ID, 1)
	retry(i.ID, all[0].ID, 0)
	retry(i.ID, uuid.Nil, 4)
	jobs = claim(t, store, nil)
	require.Len(t, facts(jobs)[i.ID], 5)
	require.Empty(t, facts(jobs)[other.ID])
	require.Equal(t, 1, jobs[0].Deliveries[0].Tries, "it has all its tries again")
}

func (s Suite) erasing(t *testing.T) {
	store := s.Open(t)
	i := added(t, store, thing(1), nil)
	old, kept := fact(thing(1), created, "a"), fact(thing(1), created, "b")
	pending := fact(thing(1), created, "c")
	old.At -= 1000
	pending.At -= 1000
	s.put(t, store, old, old, old, kept)
	done := settled(claim(t, store, nil), outbox.Delivered, now)
	require.NoError(t, store.Settle(t.Context(), done))
	s.put(t, store, pending)
	for _, want := range []int{2, 1, 0} {
		n, err := store.Erase(t.Context(), now, 2)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	all, err := store.Deliveries(t.Context(), i.ID, 0, 9)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, pending.ID, all[0].Fact.ID)
	require.Equal(t, kept.ID, all[1].Fact.ID)
}

func (s Suite) contexts(t *testing.T) {
	store := s.Open(t)
	i := added(t, store, thing(1), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"AddIntegration": func() error { return store.AddIntegration(ctx, outbox.Integration{}) },
		"Integration":    func() error { _, err := store.Integration(ctx, i.ID); return err },
		"Integrations":   func() error { _, err := store.Integrations(ctx, thing(1)); return err },
		"ChangeIntegration": func() error {
			_, err := store.ChangeIntegration(ctx, i.ID,
				func(*outbox.Integration) error { return nil })
			return err
		},
		"RemoveIntegration": func() error { return store.RemoveIntegration(ctx, i.ID) },
		"Claim": func() error {
			_, err := store.Claim(ctx, outbox.Claim{})
			return err
		},
		"Settle": func() error { return store.Settle(ctx, []outbox.Result{{ID: i.ID}}) },
		"Deliveries": func() error {
			_, err := store.Deliveries(ctx, i.ID, 0, 1)
			return err
		},
		"Retry": func() error {
			_, err := store.Retry(ctx, i.ID, uuid.Nil, now)
			return err
		},
		"Backlog": func() error { _, err := store.Backlog(ctx, "hook"); return err },
		"Erase":   func() error { _, err := store.Erase(ctx, now, 1); return err },
		"Put": func() error {
			return s.Put(ctx, store, []outbox.Fact{fact(thing(1), created, "a")}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	got, err := store.Integration(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, i, got, "and the store works on")
}

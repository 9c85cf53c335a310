// Package outboxtest is the conformance suite of the outbox's store: what outbox.Store promises,
// claim by claim. Every adapter passes it.
package outboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// Suite is what an adapter brings.
type Suite struct {
	// Open gives an empty store, which the adapter closes.
	Open func(t *testing.T) outbox.Store
	// Put writes facts in a transaction, as features do, and then gives err, which undoes it.
	Put func(ctx context.Context, s outbox.Store, facts []outbox.Fact, err error) error
	// Wanted says of which things anybody wants facts.
	Wanted func(ctx context.Context, s outbox.Store, things []uuid.UUID) (map[uuid.UUID]bool, error)
}

// Run proves the port's promises.
func Run(t *testing.T, s Suite) {
	t.Run("integrations", s.integrations)
	t.Run("a fact reaches whoever wants it", s.wanted)
	t.Run("claims", s.claims)
	t.Run("a lease", s.lease)
	t.Run("order", s.order)
	t.Run("results", s.results)
	t.Run("many workers", s.workers)
	t.Run("reading and retrying", s.reading)
	t.Run("erasing", s.erasing)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

// now is the time of all claims that say no other.
var now = time.Now().UTC().Truncate(time.Millisecond)

const (
	created = "plenary.test.created"
	deleted = "plenary.test.deleted"
	minute  = time.Minute
)

func thing(n byte) uuid.UUID { return uuid.UUID{0: 0xcc, 15: n} }

// added gives an integration that is stored.
func added(
	t testing.TB, s outbox.Store, of uuid.UUID, change func(*outbox.Integration),
) outbox.Integration {
	t.Helper()
	i := outbox.Integration{
		ID: commit.NewID(), Thing: of, Sink: "hook", MadeAt: now.UnixMilli(),
		Config: json.RawMessage(`{"url":"https://a.example/'\"🐘"}`),
	}
	if change != nil {
		change(&i)
	}
	require.NoError(t, s.AddIntegration(t.Context(), i))
	return i
}

// fact gives one about a subject of a thing.
func fact(of uuid.UUID, kind, subject string) outbox.Fact {
	return outbox.Fact{
		ID: commit.NewID(), Type: kind, Thing: of, Source: "/things/1", Subject: subject,
		At: now.UnixMilli(), Data: json.RawMessage(`{"text":"«ü» '\\\" 🐘"}`),
	}
}

func (s Suite) put(t testing.TB, store outbox.Store, facts ...outbox.Fact) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), store, facts, nil))
}

func claim(t testing.TB, s outbox.Store, change func(*outbox.Claim)) []outbox.Job {
	t.Helper()
	c := outbox.Claim{Sink: "hook", Now: now, Lease: minute, Jobs: 100, Each: 100}
	if change != nil {
		change(&c)
	}
	jobs, err := s.Claim(t.Context(), c)
	require.NoError(t, err)
	return jobs
}

// facts gives what jobs deliver, by integration.
func facts(jobs []outbox.Job) map[uuid.UUID][]uuid.UUID {
	found := map[uuid.UUID][]uuid.UUID{}
	for _, j := range jobs {
		for _, d := range j.Deliveries {
			found[j.Integration.ID] = append(found[j.Integration.ID], d.Fact.ID)
		}
	}
	return found
}

// settled gives results that say the same of all deliveries of jobs.
func settled(jobs []outbox.Job, state outbox.State, due time.Time) (results []outbox.Result) {
	for _, j := range jobs {
		for _, d := range j.Deliveries {
			results = append(results, outbox.Result{
				ID: d.ID, Tries: d.Tries, State: state, DueAt: due.UnixMilli(), Error: "it's «no»",
			})
		}
	}
	return results
}

func requireKind(t testing.TB, kind fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, kind), "%v is not of the kind %s", err, kind)
}

func (s Suite) integrations(t *testing.T) {
	store := s.Open(t)
	all := added(t, store, thing(1), func(i *outbox.Integration) {
		i.Types, i.Ordered, i.Off = []string{created, `"q",'`}, true, "broken"
	})
	least := added(t, store, thing(1), func(i *outbox.Integration) { i.MadeAt++ })
	other := added(t, store, thing(2), nil)
	for _, i := range []outbox.Integration{all, least, other} {
		got, err := store.Integration(t.Context(), i.ID)
		require.NoError(t, err)
		require.Equal(t, i, got, "what is read is what was written")
	}
	found, err := store.Integrations(t.Context(), thing(1))
	require.NoError(t, err)
	require.Equal(t, []outbox.Integration{all, least}, found)
	requireKind(t, fault.Conflict, store.AddIntegration(t.Context(), all))

	changed, err := store.ChangeIntegration(t.Context(), all.ID, func(i *outbox.Integration) error {
		i.Types, i.Off, i.Config = nil, "", json.RawMessage(`{}`)
		return nil
	})
	require.NoError(t, err)
	no := errors.New("no")
	_, err = store.ChangeIntegration(t.Context(), all.ID, func(i *outbox.Integration) error {
		i.Off = "never"
		return no
	})
	require.ErrorIs(t, err, no)
	got, err := store.Integration(t.Context(), all.ID)
	require.NoError(t, err)
	require.Equal(t, changed, got)
	require.Empty(t, got.Off)

	s.put(t, store, fact(thing(2), created, "a"))
	require.NoError(t, store.RemoveIntegration(t.Context(), other.ID))
	requireKind(t, fault.NotFound, store.RemoveIntegration(t.Context(), other.ID))
	_, err = store.Integration(t.Context(), other.ID)
	requireKind(t, fault.NotFound, err)
	_, err = store.ChangeIntegration(t.Context(), other.ID, nil)
	requireKind(t, fault.NotFound, err)
	gone, err := store.Deliveries(t.Context(), other.ID, 0, 9)
	require.NoError(t, err)
	require.Empty(t, gone, "its deliveries go with it")
}

func (s Suite) wanted(t *testing.T) {
	store := s.Open(t)
	all := added(t, store, thing(1), nil)
	some := added(t, store, thing(1), func(i *outbox.Integration) {
		i.Types = []string{deleted}
	})
	off := added(t, store, thing(2), func(i *outbox.Integration) { i.Off = "broken" })
	wanted := func() map[uuid.UUID]bool {
		found, err := s.Wanted(t.Context(), store, []uuid.UUID{thing(1), thing(2), thing(3)})
		require.NoError(t, err)
		return found
	}
	require.Equal(t, map[uuid.UUID]bool{thing(1): true}, wanted())
	one, two := fact(thing(1), created, "a"), fact(thing(1), deleted, "a")
	s.put(t, store, one, two, fact(thing(2), created, "a"), fact(thing(3), created, "a"))
	lost := fact(thing(1), created, "a")
	no := errors.New("no")
	require.ErrorIs(t, s.Put(t.Context(), store, []outbox.Fact{lost}, no), no)
	s.put(t, store)
	jobs := claim(t, store, nil)
	require.Equal(t, map[uuid.UUID][]uuid.UUID{
		all.ID: {one.ID, two.ID}, some.ID: {two.ID},
	}, facts(jobs), "and what was undone reaches nobody")
	for _, j := range jobs {
		if j.Integration.ID == all.ID {
			require.Equal(t, all, j.Integration)
			require.Equal(t, one, j.Deliveries[0].Fact)
			require.Equal(t, 1, j.Deliveries[0].Tries)
		}
	}
	require.NotContains(t, facts(jobs), off.ID)

	every := added(t, store, uuid.Nil, func(i *outbox.Integration) { i.Sink = "exchange" })
	require.Len(t, wanted(), 3+1, "somebody wants all, which is said of the thing that is none")
	third := fact(thing(3), created, "a")
	s.put(t, store, third)
	jobs = claim(t, store, func(c *outbox.Claim) { c.Sink = "exchange" })
	require.Equal(t, map[uuid.UUID][]uuid.UUID{every.ID: {third.ID}}, facts(jobs))
}

func (s Suite) claims(t *testing.T) {
	store := s.Open(t)
	a, b := added(t, store, thing(1), nil), added(t, store, thing(1), nil)
	var all []outbox.Fact
	for n := range 5 {
		all = append(all, fact(thing(1), created, strconv.Itoa(n)))
	}
	s.put(t, store, all...)
	require.Empty(t, claim(t, store, func(c *outbox.Claim) { c.Sink = "other" }))
	jobs := claim(t, store, func(c *outbox.Claim) { c.Busy, c.Each = []uuid.UUID{b.ID}, 2 })
	require.Equal(t, map[uuid.UUID][]uuid.UUID{a.ID: {all[0].ID, all[1].ID}}, facts(jobs))
	jobs = claim(t, store, func(c *outbox.Claim) { c.Busy = []uuid.UUID{b.ID} })
	require.Equal(t, map[uuid.UUID][]uuid.UUID{a.ID: {all[2].ID, all[3].ID, all[4].ID}},
		facts(jobs), "what is claimed is not claimed again")
	jobs = claim(t, store, func(c *outbox.Claim) { c.Jobs = 1 })
	require.Len(t, jobs, 1)
	require.Equal(t, b.ID, jobs[0].Integration.ID)
	require.Empty(t, claim(t, store, nil))

	_, err := store.ChangeIntegration(t.Context(), a.ID, func(i *outbox.Integration) error {
		i.Off = "broken"
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, claim(t, store, func(c *outbox.Claim) {
		c.Now, c.Busy = now.Add(time.Hour), []uuid.UUID{b.ID}
	}), "nothing of one that is off")
}

func (s Suite) lease(t *testing.T) {
	store := s.Open(t)
	i := added(t, store, thing(1), nil)
	s.put(t, store, fact(thing(1), created, "a"))
	first := claim(t, store, nil)
	at := func(d time.Duration) []outbox.Job {
		return claim(t, store, func(c *outbox.Claim) { c.Now = now.Add(d) })
	}
	require.Empty(t, at(minute-time.Millisecond))
	second := at(minute)
	require.Equal(t, 2, second[0].Deliveries[0].Tries)
	require.NoError(t, store.Settle(t.Context(), settled(first, outbox.Delivered, now)))
	require.Empty(t, at(2*minute-time.Millisecond))
	all, err := store.Deliveries(t.Context(), i.ID, 0, 9)
	require.NoError(t, err)
	require.Equal(t, outbox.Pending, all[0].State, "a worker that lost its lease says nothing")
	require.NoError(t, store.Settle(t.Context(), settled(second, outbox.Delivered, now)))
	require.Empty(t, at(time.Hour))
}

func (s Suite) order(t *testing.T) {
	store := s.Open(t)
	i := added(t, store, thing(1), func(i *outbox.Integration) { i.Ordered = true })
	a1, b1 := fact(thing(1), created, "a"), fact(thing(1), created, "b")
	a2, a3 := fact(thing(1), created, "a"), fact(thing(1), deleted, "a")
	s.put(t, store, a1, b1, a2)
	s.put(t, store, a3)
	next := func(d time.Duration, want ...uuid.UUID) []outbox.Job {
		jobs := claim(t, store, func(c *outbox.Claim) { c.Now = now.Add(d) })
		require.Equal(t, want, facts(jobs)[i.ID])
		return jobs
	}
	first := next(0, a1.ID, b1.ID)
	next(0)
	require.NoError(t, store.Settle(t.Context(), settled(first, outbox.Pending, now.Add(minute))))
	next(minute - time.Millisecond)
	first = next(minute, a1.ID, b1.ID)
	require.NoError(t, store.Settle(t.Context(), settled(first, outbox.Delivered, now)))
	second := next(minute, a2.ID)
	require.NoError(t, store.Settle(t.Context(), settled(second, outbox.Failed, now)))
	next(minute, a3.ID)
}

func (s Suite) results(t *testing.T) {
	store := s.Open(t)
	i := added(t, store, thing(1), nil)
	s.put(t, store, fact(thing(1), created, "a"), fact(thing(1), created, "b"))
	jobs := claim(t, store, nil)
	results := settled(jobs, outbox.Failed, now)
	results[0].State, results[0].DueAt = outbox.Pending, now.Add(minute).UnixMilli()
	require.NoError(t, store.Settle(t.Context(), results))
	require.NoError(t, store.Settle(t.Context(), nil))
	all, err := store.Deliveries(t.Context(), i.ID, 0, 9)
	require.NoError(t, err)
	require.Equal(t, outbox.Failed, all[0].State)
	require.Equal(t, outbox.Pending, all[1].State)
	require.Equal(t, now.Add(minute).UnixMilli(), all[1].DueAt)
	require.Equal(t, "it's «no»", all[1].Error)
	b, err := store.Backlog(t.Context(), "hook")
	require.NoError(t, err)
	require.Equal(t, outbox.Backlog{Pending: 1, Failed: 1, Oldest: now.UnixMilli()}, b)
	b, err = store.Backlog(t.Context(), "other")
	require.NoError(t, err)
	require.Zero(t, b)
}

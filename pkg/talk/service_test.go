package talk_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/talk/talklite"
	"github.com/plenary-live/plenary/pkg/work"
)

const partitions = 3

// hall is a service over a log in memory and a store in a file, with a worker.
type hall struct {
	*talk.Service
	stream queue.Stream
	// work begins to count.
	work func()
}

func open(t *testing.T) *hall {
	db, err := sqlite.Open(
		t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")},
	)
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), partitions))
	log, err := inproc.Open(inproc.Config{Streams: []string{talk.Stream}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream(talk.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	store := talklite.New(db)
	h := &hall{stream: stream, Service: talk.NewService(
		store, access.NewPasses(access.NewPassKey()), commit.Spine{
			Log: stream, Bus: announced, Logger: quiet, Partitions: partitions, Spread: partitions,
			MaxWaiting: 100,
		})}
	require.NoError(t, h.Start())
	worker := work.New(work.Config{
		Stream: stream, Partitions: partitions, Applier: talk.NewApplier(store, quiet), IDs: db,
		Bus: announced, Logger: quiet,
	})
	working, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	h.work = sync.OnceFunc(func() { running.Go(func() { worker.Run(working) }) })
	t.Cleanup(func() {
		require.NoError(t, h.Stop(context.Background()))
		stop()
		running.Wait()
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return h
}

func (h *hall) made(t *testing.T, one talk.Talk) talk.Talk {
	one.Title = "Why queues"
	made, token, err := h.Create(t.Context(), one)
	require.NoError(t, err)
	tokens := access.Tokens{TokenHash: made.TokenHash}
	require.Equal(t, access.Owner, tokens.RoleOf(token))
	require.Equal(t, queue.Partition(made.ID, partitions), made.Partition)
	return made
}

var usual = commit.Wait{For: commit.Deadline}

func (h *hall) tally(t *testing.T, id uuid.UUID) talk.Tally {
	one, err := h.Store.Talk(t.Context(), id)
	require.NoError(t, err)
	return one.Tally
}

func TestARatingThatIsAppliedIsCounted(t *testing.T) {
	h := open(t)
	h.work()
	one := h.made(t, talk.Talk{})
	applied, err := h.Rate(t.Context(), talk.Ballot{TalkID: one.ID, Value: 5}, usual)
	require.NoError(t, err)
	require.True(t, applied)
	require.Equal(t, talk.Tally{4: 1}, h.tally(t, one.ID))
}

func TestARetryWithAKeyCountsOnceAlsoWithoutAClientsID(t *testing.T) {
	h := open(t)
	h.work()
	one := h.made(t, talk.Talk{})
	key, client := uuid.New(), uuid.New()
	for _, who := range []uuid.UUID{uuid.Nil, client} {
		for range 3 {
			b := talk.Ballot{TalkID: one.ID, Value: 4, Client: who, Key: key}
			applied, err := h.Rate(t.Context(), b, usual)
			require.NoError(t, err)
			require.True(t, applied)
		}
	}
	require.Equal(t, talk.Tally{3: 2}, h.tally(t, one.ID), "two people may draw one key")
	_, err := h.Rate(t.Context(), talk.Ballot{TalkID: one.ID, Value: 1, Client: client}, usual)
	require.NoError(t, err)
	late := talk.Ballot{TalkID: one.ID, Value: 4, Client: client, Key: key}
	_, err = h.Rate(t.Context(), late, usual)
	require.NoError(t, err)
	require.Equal(t, talk.Tally{0: 1, 3: 1}, h.tally(t, one.ID), "a late retry changes nothing")
	_, err = h.Edit(t.Context(), one.ID, nil, func(x *talk.Talk) error {
		x.ClosesAt = time.Now().Add(-time.Hour)
		return nil
	})
	require.NoError(t, err)
	applied, err := h.Rate(t.Context(), late, usual)
	require.NoError(t, err, "its answer is the first one again")
	require.True(t, applied)
	late.Key = uuid.New()
	_, err = h.Rate(t.Context(), late, usual)
	require.Equal(t, talk.Closed, fault.CodeOf(err))
}

func TestADurableRatingIsAcceptedWhileNobodyCounts(t *testing.T) {
	h := open(t)
	one := h.made(t, talk.Talk{})
	answered := make(chan error, 1)
	go func() {
		_, err := h.Rate(t.Context(), talk.Ballot{TalkID: one.ID, Value: 5},
			commit.Wait{For: commit.Deadline})
		answered <- err
	}()
	require.Zero(t, h.tally(t, one.ID).Count())
	h.work()
	require.NoError(t, <-answered)
	require.Equal(t, talk.Tally{4: 1}, h.tally(t, one.ID))
}

func TestWhoMayNotRateIsToldWhy(t *testing.T) {
	h := open(t)
	h.work()
	passed := h.made(
		t,
		talk.Talk{Settings: talk.Settings{Voters: access.ByPass, Comments: talk.Refused}},
	)
	open := h.made(t, talk.Talk{})
	later := h.made(t, talk.Talk{StartsAt: time.Now().Add(time.Hour)})
	pass, err := h.Pass(t.Context(), passed.ID, uuid.Nil)
	require.NoError(t, err)
	_, err = h.Pass(t.Context(), open.ID, uuid.Nil)
	require.Equal(t, access.NoPasses, fault.CodeOf(err))
	_, err = h.Pass(t.Context(), uuid.New(), uuid.Nil)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	for name, c := range map[string]struct {
		ballot talk.Ballot
		want   fault.Code
	}{
		"no such talk": {talk.Ballot{TalkID: uuid.New(), Value: 1}, fault.NotFound},
		"too little":   {talk.Ballot{TalkID: open.ID, Value: 0}, fault.Invalid},
		"too much":     {talk.Ballot{TalkID: open.ID, Value: 6}, fault.Invalid},
		"a bad comment": {talk.Ballot{TalkID: open.ID, Value: 1, Comment: "\x00"},
			fault.Invalid},
		"an early one": {talk.Ballot{TalkID: later.ID, Value: 1}, talk.NotOpen},
		"no pass": {talk.Ballot{TalkID: passed.ID, Value: 1, Client: uuid.New()},
			access.NoPass},
		"another's pass": {talk.Ballot{TalkID: open.ID, Value: 1, Pass: []byte(pass.Text)},
			access.BadPass},
		"an unwanted text": {talk.Ballot{TalkID: passed.ID, Value: 1, Pass: []byte(pass.Text),
			Comment: "x"}, fault.Invalid},
		"two of them": {talk.Ballot{TalkID: passed.ID, Value: 1, Pass: []byte(pass.Text),
			Client: uuid.New()},
			fault.Invalid},
	} {
		_, err := h.Rate(t.Context(), c.ballot, usual)
		require.Equal(t, c.want, fault.CodeOf(err), name)
	}
	for range 2 {
		_, err = h.Rate(
			t.Context(),
			talk.Ballot{TalkID: passed.ID, Value: 3, Pass: []byte(pass.Text)},
			usual,
		)
		require.NoError(t, err)
	}
	now, err := h.Store.Talk(t.Context(), passed.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, now.Count())
	require.Equal(t, access.Passed, now.Identity())
}

func TestAnEditOfWhatSomebodyElseHasEditedIsStale(t *testing.T) {
	h := open(t)
	one := h.made(t, talk.Talk{})
	rename := func(seen ...int64) error {
		_, err := h.Edit(t.Context(), one.ID, seen, func(x *talk.Talk) error {
			x.Title = "Another"
			return nil
		})
		return err
	}
	require.NoError(t, rename(0))
	require.Equal(t, fault.Stale, fault.CodeOf(rename(0)))
	require.NoError(t, rename(0, 1))
	require.NoError(t, rename())
	_, err := h.Edit(t.Context(), one.ID, nil, func(x *talk.Talk) error {
		x.Title = ""
		return nil
	})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestAnEditHoldsAtOnceOnTheReplicaThatMadeItAndThatHeardOfIt(t *testing.T) {
	h := open(t)
	h.work()
	one := h.made(t, talk.Talk{})
	rate := func() fault.Code {
		_, err := h.Rate(t.Context(), talk.Ballot{TalkID: one.ID, Value: 5}, usual)
		return fault.CodeOf(err)
	}
	require.Equal(t, fault.Code{}, rate())
	closed := func(x *talk.Talk) error {
		x.ClosesAt = time.Now().Add(-time.Minute)
		return nil
	}
	_, err := h.Edit(t.Context(), one.ID, nil, closed)
	require.NoError(t, err)
	require.Equal(t, talk.Closed, rate())
	_, err = h.Store.Edit(t.Context(), one.ID, func(x *talk.Talk) error { // another replica's
		x.ClosesAt = time.Time{}
		return nil
	})
	require.NoError(t, err)
	for _, c := range talk.Changes(one.ID, 0) {
		h.Heard(c)
	}
	require.Equal(t, fault.Code{}, rate())
	require.NoError(t, h.Store.Delete(t.Context(), one.ID))
	h.Heard(bus.Change{})
	require.Equal(t, fault.NotFound, rate())
}

func TestTheApplierTakesApartWhatItIsGiven(t *testing.T) {
	h := open(t)
	a := talk.NewApplier(h.Store, slog.New(slog.DiscardHandler))
	var ratings []talk.Rating
	for i := range 5 {
		ratings = append(
			ratings,
			talk.Rating{ID: commit.NewID(), TalkID: uuid.New(), Person: uuid.New(), Value: 1 + i},
		)
	}
	kind, body, err := talk.EncodeRatings(nil, ratings)
	require.NoError(t, err)
	e := queue.Entry{ID: commit.NewID(), Type: kind, Body: body}
	require.Equal(t, 5, a.Size(e))
	require.Equal(t, make([]byte, 5), a.Unknown(e))
	require.Equal(t, "ratings: 5", a.Describe(e))
	first, second, ok := a.Halve(e)
	require.True(t, ok)
	left, err := talk.DecodeRatings(first)
	require.NoError(t, err)
	right, err := talk.DecodeRatings(second)
	require.NoError(t, err)
	require.Equal(t, ratings, append(left, right...))
	e.Replayed = true
	_, _, ok = a.Halve(e)
	require.False(t, ok)
	bad := queue.Entry{ID: commit.NewID(), Type: 9, Body: []byte("?")}
	_, _, ok = a.Halve(bad)
	require.False(t, ok)
	require.Equal(t, "unreadable", a.Describe(bad))
	_, err = a.Apply(t.Context(), []work.Partitioned{{Entry: bad}})
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestARecountFindsAndMendsEveryTalkThatDiffers(t *testing.T) {
	h := open(t)
	h.work()
	one := h.made(t, talk.Talk{})
	_, err := h.Rate(t.Context(), talk.Ballot{TalkID: one.ID, Value: 5}, usual)
	require.NoError(t, err)
	h.made(t, talk.Talk{})
	n, err := talk.NewRecounter(h.Store).Recount(t.Context(), true, func(d work.Difference) {
		t.Errorf("%v", d)
	})
	require.NoError(t, err)
	require.Equal(t, 2, n)
}
